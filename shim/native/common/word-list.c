#include "word-list.h"

#include <stdlib.h>

int append_word(struct word_list *list, char *word)
{
	/* Grows by doubling at 0, 1, 3, 7, …; one place is kept for the closing NULL. */
	if ((list->count & (list->count + 1)) == 0) {
		char **grown = realloc(list->words, (2 * list->count + 2) * sizeof(char *));

		if (!grown)
			return -1;
		list->words = grown;
	}
	list->words[list->count++] = word;
	list->words[list->count] = NULL;
	return 0;
}

char *const *words_of(const struct word_list *list)
{
	static char *const none[] = {NULL};

	return list->words ? list->words : none;
}
