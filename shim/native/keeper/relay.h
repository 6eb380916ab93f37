#ifndef LXCRI_RELAY_H
#define LXCRI_RELAY_H

#include "event-loop.h"
#include "frame-reader.h"
#include "frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The most bytes of unanswered requests that a connection may have, and of answers that its client did not take. */
#define RELAY_BUFFER_MAX ((size_t)8 * 1024 * 1024)

/** Tells a daemon whose connection follows: data NAMESPACE\0CONNECTION\0LAST\0. */
#define FRAME_INTRODUCTION 0x10

enum relay_kind {
	RELAY_UNDECIDED, // nothing has come yet
	RELAY_FRAMES,    // ttrpc
	RELAY_RAW        // HTTP/2, of which a daemon's end is the end
};

struct relay;

/** What a relay tells its owner. In `ended` it may free the relay; in the others not. */
struct relay_owner {
	/** There is something for a daemon, and no daemon to send it to. */
	void (*waits)(struct relay *relay);
	/** A whole request has been sent to the daemon. */
	void (*sent)(struct relay *relay);
	/** The whole answer to a request has come from the daemon. */
	void (*answered)(struct relay *relay);
	/** The daemon's side has ended by itself: the daemon is dying, or wants no more of this client. */
	void (*forsaken)(struct relay *relay);
	/** Client and daemon are both gone. */
	void (*ended)(struct relay *relay);
};

/** Bytes of one direction of a raw connection. */
struct raw_stream {
	uint8_t *rest; // what was read and could not be sent yet
	size_t size;
	size_t sent;
	bool ended; // no more comes
	bool shut;  // and whom it was for knows it
};

/**
 * One connection of a client, and while there is a daemon and something to tell it, the connection to the daemon.
 * Each request is kept until the whole of its answer has come, so that another daemon can be given it.
 */
struct relay {
	struct relay *next; // for the owner's list
	struct relay *previous;
	const struct relay_owner *owner;
	void *context; // the owner's
	struct event_loop *loop;
	struct timer timer; // the owner's
	bool forsaken;      // the owner's: the daemon has closed its side, and may or may not be dying
	const char *namespace_name;
	uint64_t number;
	enum relay_kind kind;
	struct watch client;
	struct watch daemon;
	bool sending; // whether the daemon's side takes anything now
	struct frame *introduction;
	size_t sent; // of the introduction or, after it, of `unsent`

	bool client_finished; // it sends no more, but may be waiting for answers
	bool full;            // the next request has to wait for room
	uint32_t last_stream; // the highest that there was
	bool forgot;          // whether a request was answered and forgotten
	struct frame_queue kept;
	struct frame *unsent; // the first of `kept` that this daemon does not have yet
	struct frame_reader from_client;
	struct frame_reader from_daemon;
	struct frame_output answers;
	bool stuffed; // the next answer has to wait for room

	struct raw_stream to_daemon;
	struct raw_stream to_client;
};

/** Takes a client's connection, in a relay that is all zero but for its context. 0, or -1 with errno: it is closed. */
int relay_open(
	struct relay *relay, struct event_loop *loop, const struct relay_owner *owner, int client_fd,
	const char *namespace_name, uint64_t number);

/** Whether this is waiting for a daemon, or for something from it. */
bool relay_needs_daemon(const struct relay *relay);

/** Whether there is something that the daemon was not sent, or only in part. */
bool relay_has_unsent(const struct relay *relay);

/**
 * Gives the relay, which needs one, a connection to a daemon that serves: introduces it, and sends all that has no
 * answer. False: there is no memory for it now, and the connection is closed.
 */
bool relay_attach(struct relay *relay, int daemon_fd);

/** The daemon admits no more: sends it nothing more, but takes its answers. */
void relay_hold(struct relay *relay);

/** The daemon is dead: takes the answers that it has left, and closes its side. A raw connection ends. */
void relay_detach(struct relay *relay);

/** There will be no daemon: answers all requests with Unavailable and this text. A raw connection ends. */
void relay_refuse(struct relay *relay, const char *message);

/**
 * Whoever has waited so long for an answer waits for something to happen: a Wait, whose failure clients take for the
 * container's end.
 */
bool relay_is_patient(const struct frame *request);

/** Answers one request of `kept` with Internal and this text; there is no daemon at the moment. May end the relay. */
void relay_refuse_one(struct relay *relay, struct frame *request, const char *message);

/** The client is gone, or is to be: closes its side and forgets its requests. */
void relay_drop_client(struct relay *relay);

/** Closes both sides and gives all memory back, without a word to the owner. */
void relay_close(struct relay *relay);

/* Between the parts of a relay. */

/** Waits for what the state of the relay calls for, or tells that all is over. Always the last thing to be done. */
void relay_settle(struct relay *relay);

void relay_frames_on_client(struct relay *relay, uint32_t events);
void relay_frames_on_daemon(struct relay *relay, uint32_t events);
void relay_frames_send(struct relay *relay);
/** Reads what a dead daemon has left. */
void relay_frames_drain(struct relay *relay);

void relay_raw_on_client(struct relay *relay, uint32_t events);
void relay_raw_on_daemon(struct relay *relay, uint32_t events);
void relay_raw_send(struct relay *relay);

#endif
