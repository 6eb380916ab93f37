package subject

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/containerd/log"
)

// settings are what the environment says; see the package's comment.
type settings struct {
	daemon, socket, before, after string
}

func readSettings() (settings, error) {
	s := settings{
		daemon: os.Getenv("LAYERFS_DAEMON"),
		socket: os.Getenv("LAYERFS_SOCKET"),
		before: os.Getenv("LAYERFS_BEFORE"),
		after:  os.Getenv("LAYERFS_AFTER"),
	}
	if (s.daemon == "") == (s.socket == "") {
		return settings{}, errors.New("set either LAYERFS_DAEMON or LAYERFS_SOCKET")
	}
	return s, nil
}

// Name is the snapshotter's name in every request. containerd's suite spares the renames of directories to those that
// it knows to refuse them, by this name: "overlayfs" among them.
func Name() string {
	if name := os.Getenv("LAYERFS_NAME"); name != "" {
		return name
	}
	return "layerfs"
}

// place is where one test runs: its values fill in the placeholders of a command.
type place struct {
	name, root, socket string
}

// command splits a template at white space, so no shell is needed, and then fills in the placeholders.
func (p place) command(template string) []string {
	replacer := strings.NewReplacer("{name}", p.name, "{root}", p.root, "{socket}", p.socket)
	fields := strings.Fields(template)
	for i, field := range fields {
		fields[i] = replacer.Replace(field)
	}
	return fields
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// uniqueName is the test's name as far as any file or dataset may be called it, and this process's number, since
// several suites may run at once. The suite tells the name to nobody but its logger.
func uniqueName(entry *log.Entry) string {
	name, _ := entry.Data["testcase"].(string)
	return notInName.ReplaceAllString(name, "-") + "-" + strconv.Itoa(os.Getpid())
}
