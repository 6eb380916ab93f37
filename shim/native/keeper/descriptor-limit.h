#ifndef LXCRI_DESCRIPTOR_LIMIT_H
#define LXCRI_DESCRIPTOR_LIMIT_H

/** Lets the keeper have as many descriptors as it may: two for each container. */
void descriptor_limit_raise(void);

/** How many there may be; INT_MAX where that is not known. */
int descriptor_limit(void);

/** What it was before: daemons, and through them containers, are to have what they had without a keeper. */
void descriptor_limit_restore(void);

#endif
