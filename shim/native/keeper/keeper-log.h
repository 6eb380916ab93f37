#ifndef LXCRI_KEEPER_LOG_H
#define LXCRI_KEEPER_LOG_H

struct keeper;

/** A log that is larger than this becomes the old one. */
#define KEEPER_LOG_LIMIT (256 * 1024)

/** Adds a line to keeper.log. The file is opened for each: there is seldom one, and never many. */
void keeper_log(const struct keeper *keeper, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
