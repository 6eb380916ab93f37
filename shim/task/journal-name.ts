let journals = 0;

/**
 * The file of a container's event journal: `<id>@<time>@<build>`. It is unique for each container, also among
 * those that had the same id, and sorts by time; the build is that of the daemon which created the container, so that
 * another one leaves it alone while that lives. An id has no `@`.
 */
export const newJournalName = (id: string, build: string): string =>
  `${id}@${Date.now().toString().padStart(15, '0')}-${(journals += 1)}@${build}`;

export function parseJournalName(name: string): { readonly id: string; readonly build: string | undefined } {
  const [id = '', , build] = name.split('@');
  return { id, build };
}
