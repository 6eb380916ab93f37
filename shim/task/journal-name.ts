let journals = 0;

/**
 * The file of a container's event journal: `<id>@<time>-<count>`. It is unique for each container, also among those that
 * had the same id, and sorts by time. An id has no `@`.
 */
export const newJournalName = (id: string): string =>
  `${id}@${Date.now().toString().padStart(15, '0')}-${(journals += 1)}`;

/** The id of the container whose journal it is. */
export const journalOwner = (name: string): string => name.replace(/@.*$/s, '');
