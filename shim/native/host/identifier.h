#ifndef LXCRI_IDENTIFIER_H
#define LXCRI_IDENTIFIER_H

#include "failure.h"

/** containerd's limit for namespaces and container ids. */
#define IDENTIFIER_MAX_LENGTH 76

/**
 * Checks a namespace or id by containerd's rule: runs of ASCII letters and digits, single '.', '_' or '-' between
 * them. What passes is safe as one path component. `what` names the value in the failure's text.
 */
int identifier_check(const char *what, const char *value, struct failure *failure);

#endif
