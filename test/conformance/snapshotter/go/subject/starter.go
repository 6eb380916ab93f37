package subject

import (
	"runtime"
	"sync"
)

// onStarter runs f on a thread that never ends. The kernel sends a child its Pdeathsig when the thread that started it
// ends, not the process, and containerd's mount code lets threads end.
func onStarter(f func() error) error {
	result := make(chan error)
	starter() <- func() { result <- f() }
	return <-result
}

var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})
