#include "crash-blame.h"

#include "keeper-log.h"
#include "keeper.h"

#include <stdio.h>

#define CRASHES_MAX 5

/** Whose request it is, and which. */
struct suspect {
	struct relay *relay;
	struct frame *request;
};

static void count_crash(struct relay *relay, struct suspect *suspect)
{
	for (struct frame *request = relay->kept.first; request; request = request->next) {
		if (!request->delivered_at || relay_is_patient(request) || ++request->crashes < CRASHES_MAX)
			continue;
		if (!suspect->request || request->delivered_at >= suspect->request->delivered_at)
			*suspect = (struct suspect){.relay = relay, .request = request};
	}
}

static void acquit_all(struct keeper *keeper)
{
	for (struct relay *relay = keeper->clients.first; relay; relay = relay->next)
		for (struct frame *request = relay->kept.first; request; request = request->next)
			request->crashes = 0;
}

void blame_crash(struct keeper *keeper, const char *reason)
{
	struct suspect suspect = {0};
	char text[1000];
	for (struct relay *relay = keeper->clients.first; relay; relay = relay->next)
		count_crash(relay, &suspect);
	if (!suspect.request)
		return;
	acquit_all(keeper);
	snprintf(text, sizeof text, "the shim daemon crashed %d times at this request: %s", CRASHES_MAX, reason);
	keeper_log(keeper, "refusing a request of connection %llu: %s", (unsigned long long)suspect.relay->number, text);
	relay_refuse_one(suspect.relay, suspect.request, text);
}
