#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct call *find_call(const struct call_list *list, const char *id)
{
	for (size_t i = 0; i < CALLS_REMEMBERED && id[0]; i++)
		if (strcmp(list->calls[i].id, id) == 0)
			return &list->calls[i];
	return NULL;
}

void remember_call(struct call_list *list, const char *id, int error, const char *text)
{
	struct call *call = &list->calls[list->next % CALLS_REMEMBERED];

	if (!id[0])
		return;
	list->next++;
	free(call->text);
	snprintf(call->id, sizeof(call->id), "%s", id);
	call->error = error;
	call->text = text ? strdup(text) : NULL;
}
