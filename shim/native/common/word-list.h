/* Words of a plan in a row, as execve takes them: the list ends in NULL. It is never freed, and holds no copies. */
#ifndef LXCRI_WORD_LIST_H
#define LXCRI_WORD_LIST_H

#include <stddef.h>

struct word_list {
	char **words; /* NULL while it is empty */
	size_t count;
};

/* Returns 0, or -1 with errno. */
int append_word(struct word_list *list, char *word);
/* As execve wants it, also for none. */
char *const *words_of(const struct word_list *list);

#endif
