#ifndef LXCRI_KEEPER_H
#define LXCRI_KEEPER_H

#include "clients.h"
#include "control.h"
#include "daemon-life.h"
#include "daemon-process.h"
#include "event-loop.h"
#include "host/paths.h"
#include "own-files.h"
#include "publisher.h"

/** All of the keeper. Its parts know each other by it. */
struct keeper {
	struct event_loop loop;
	const char *build; // its own; daemons may be of another
	struct paths paths;
	struct daemon_setting setting;
	struct clients clients;
	struct daemon_life life;
	struct publisher publisher;
	struct control control;
	struct own_files own_files;
};

#endif
