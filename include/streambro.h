/*
 * streambro keeps 24/7 live streams of video files on the air over RTMP(S), a thousand of them from one small server.
 *
 *     streambro_builder *builder = NULL;
 *     streambro_manager *manager = NULL;
 *     streambro_spec *spec = NULL;
 *     streambro_error *error = NULL;
 *
 *     if (streambro_builder_new(&builder, &error) ||
 *         streambro_builder_build(builder, &manager, &error) ||
 *         streambro_spec_new("lofi", &spec, &error) ||
 *         streambro_spec_set_file(spec, "loop.mp4", &error) ||
 *         streambro_spec_set_repeat(spec, 0, &error) ||
 *         streambro_spec_add_destination(spec, "rtmps://a.rtmps.youtube.com/live2", key, &error) ||
 *         streambro_manager_start(manager, spec, &error))
 *       puts(streambro_error_message(error));
 *     streambro_error_free(error);
 *     streambro_spec_free(spec);
 *     streambro_builder_free(builder);
 *
 * examples/c has whole programs. What the conventions of this page say is not said again at each function.
 *
 * Results    Every function that can fail returns a `streambro_result`: OK, or why not. Numbers below 100 are no errors: TIMEOUT
 *            is a wait that is over, END that nothing more will come.
 * Errors     The last parameter says more: `streambro_error **out_error`, which is written only if there is an error, and then
 *            the error is yours to free. NULL if nobody wants to know. Errors belong to the call, not to a thread.
 * Texts in   `const char *` is UTF-8 and ends with a zero. The library copies what it needs.
 * Texts out  `char **out_...` is yours: free it with `streambro_text_free`. A `const char *` that is returned belongs to the
 *            object that it came from, and lives as long. Of NULL such functions return NULL, and 0.
 * Outputs    `out_...` is written only on OK, and never read. NULL is an error unless the function says otherwise.
 * Objects    are opaque. What is written to `T **out_...` is yours, and freed once, with the `streambro_..._free` of its type;
 *            NULL may be freed. Using what has been freed is undefined behaviour, as everywhere in C.
 * Threads    Calls that take an object as `const T *` may run beside each other, in any threads. Nothing may run beside a call
 *            that takes it as `T *`, its end among them. A thread must not be cancelled, or jump out, in a call.
 * Streams    are named by their ids, so there is nothing to free and nothing that dangles.
 * Numbers    that stand for something come in as `uint32_t`; one without a meaning is INVALID_ARGUMENT. Times are in
 *            milliseconds, instants in milliseconds since 1970, rates in bits per second, sizes in bytes.
 * Rich data  is JSON, in and out. "Form" names its schema in `docs/schema`, the same for all languages. Fields may be added to what
 *            comes out.
 * Blocking   Functions that wait for a disk, for ffmpeg or for something to happen say so; with a state directory those that
 *            plan streams wait for its disk. All others return at once. None may be called from a signal handler.
 * Panics     A mistake in streambro itself is caught and told as PANICKED. The process and all other streams go on.
 * Fork       Once it has threads of its own, a child that was forked gets FORKED from everything but `streambro_..._free`, which
 *            forgets; `exec` in it is fine. As long as it lives without `exec`, it holds what it inherited: connections that
 *            break stay open at the server, and an ffmpeg outlives a parent that is killed.
 * Signals    The library installs no handler, and its threads take none of the host's signals but SIGPROF.
 * Output     Nothing is printed, and `exit` is never called.
 * Unloading  The library stays loaded once it was: `dlclose` is no end of its threads.
 * Versions   Until 1.0 a new minor version may change what exists, and has another SONAME; after that functions and numbers are
 *            only added. `streambro_version_number()` is that of the library that runs, `STREAMBRO_VERSION_NUMBER` that of this
 *            header.
 */


#ifndef STREAMBRO_H
#define STREAMBRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this header: `major * 1000000 + minor * 1000 + patch`.
#define STREAMBRO_VERSION_NUMBER \
  (STREAMBRO_VERSION_MAJOR * 1000000 + STREAMBRO_VERSION_MINOR * 1000 + STREAMBRO_VERSION_PATCH)

// The version of the header, part by part.
#define STREAMBRO_VERSION_MAJOR 0

// See `STREAMBRO_VERSION_MAJOR`.
#define STREAMBRO_VERSION_MINOR 1

// See `STREAMBRO_VERSION_MAJOR`.
#define STREAMBRO_VERSION_PATCH 0

// What came of a call. Numbers are never reused.
enum streambro_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It is done.
  STREAMBRO_RESULT_OK = 0,
  // Not in the time that was given: no error, and no error object is made.
  STREAMBRO_RESULT_TIMEOUT = 1,
  // Nothing more will come: no error, and no error object is made.
  STREAMBRO_RESULT_END = 2,
  // A setting is missing, malformed or contradicts another.
  STREAMBRO_RESULT_INVALID_SPEC = 100,
  // Another stream with another spec has this id.
  STREAMBRO_RESULT_ALREADY_EXISTS = 101,
  // No stream has this id.
  STREAMBRO_RESULT_NOT_FOUND = 102,
  // A path or destination is outside what the host allows.
  STREAMBRO_RESULT_NOT_ALLOWED = 103,
  // Somebody else has changed it meanwhile: look at it again, then change it.
  STREAMBRO_RESULT_CONFLICT = 104,
  // Two streams would send to one destination at the same time.
  STREAMBRO_RESULT_OVERLAP = 105,
  // The program that calls made a mistake: a null pointer, a text that is not UTF-8, a number without a meaning.
  STREAMBRO_RESULT_INVALID_ARGUMENT = 106,
  // The source cannot be opened or read.
  STREAMBRO_RESULT_SOURCE_UNREADABLE = 110,
  // The source breaks the rules of its format.
  STREAMBRO_RESULT_SOURCE_INVALID = 111,
  // The source is sound but cannot be copied natively.
  STREAMBRO_RESULT_SOURCE_UNSUPPORTED = 112,
  // There is no ffmpeg, or none of the encoders that were asked for works here.
  STREAMBRO_RESULT_ENCODER_UNAVAILABLE = 113,
  // What ffmpeg was asked for it could not make.
  STREAMBRO_RESULT_ENCODER_FAILED = 114,
  // What is kept in the state directory is damaged, of another program or of a newer streambro. It was left as it is.
  STREAMBRO_RESULT_STATE_INVALID = 120,
  // Another manager, of this process or another, uses the state directory.
  STREAMBRO_RESULT_STATE_IN_USE = 121,
  // A limit of the manager is reached.
  STREAMBRO_RESULT_LIMIT_REACHED = 200,
  // The manager is shutting down or gone.
  STREAMBRO_RESULT_CLOSED = 300,
  // The stream ended before what was waited for.
  STREAMBRO_RESULT_ENDED = 301,
  // Something took longer than its time allows.
  STREAMBRO_RESULT_TIMED_OUT = 302,
  // The host lacks something that streambro needs: a thread, a file descriptor, memory, a directory that can be used.
  STREAMBRO_RESULT_HOST = 400,
  // The process was forked after it had used streambro, and this is the child.
  STREAMBRO_RESULT_FORKED = 401,
  // A mistake in streambro itself, caught before it could do harm: other streams go on. Please report it.
  STREAMBRO_RESULT_PANICKED = 402,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum streambro_result streambro_result;
#else
typedef uint32_t streambro_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where a stream is.
enum streambro_phase
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // None: what an event is about that is no change of phase.
  STREAMBRO_PHASE_NONE = 0,
  // It waits for its time.
  STREAMBRO_PHASE_SCHEDULED = 1,
  // It waits for a place.
  STREAMBRO_PHASE_QUEUED = 2,
  // Its source is being opened.
  STREAMBRO_PHASE_PREPARING = 3,
  // It connects.
  STREAMBRO_PHASE_STARTING = 4,
  // It is on the air.
  STREAMBRO_PHASE_LIVE = 5,
  // Some of its destinations are.
  STREAMBRO_PHASE_DEGRADED = 6,
  // It is on the air with a picture that stands still: its source has nothing.
  STREAMBRO_PHASE_HOLDING = 7,
  // Its connection was lost, and is tried again.
  STREAMBRO_PHASE_RECONNECTING = 8,
  // It says goodbye.
  STREAMBRO_PHASE_STOPPING = 9,
  // It is over.
  STREAMBRO_PHASE_ENDED = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum streambro_phase streambro_phase;
#else
typedef uint32_t streambro_phase;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What encodes the picture.
enum streambro_encoder
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The first that works here.
  STREAMBRO_ENCODER_AUTO = 0,
  // libx264, on the processor.
  STREAMBRO_ENCODER_X264 = 1,
  // NVIDIA's.
  STREAMBRO_ENCODER_NVENC = 2,
  // Intel's Quick Sync Video.
  STREAMBRO_ENCODER_QSV = 3,
  // Apple's.
  STREAMBRO_ENCODER_VIDEOTOOLBOX = 4,
  // Whatever the Video Acceleration API drives: Intel's, AMD's.
  STREAMBRO_ENCODER_VAAPI = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum streambro_encoder streambro_encoder;
#else
typedef uint32_t streambro_encoder;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which of a stream's playlists.
enum streambro_playlist
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // What is seen; and heard, unless there is a list of sounds.
  STREAMBRO_PLAYLIST_MAIN = 0,
  // What is heard.
  STREAMBRO_PLAYLIST_SOUND = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum streambro_playlist streambro_playlist;
#else
typedef uint32_t streambro_playlist;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Settings of a manager. Those that have no function here are said in JSON.
//
// Methods: `streambro_builder_new`, `streambro_builder_parse`, `streambro_builder_set_unlimited`,
// `streambro_builder_set_max_streams`, `streambro_builder_set_max_streams_per_user`, `streambro_builder_set_media_root`,
// `streambro_builder_set_state_dir`, `streambro_builder_set_ffmpeg`, `streambro_builder_set_renditions`,
// `streambro_builder_set_threads`, `streambro_builder_build`, `streambro_builder_doctor`, `streambro_builder_free`.
typedef struct streambro_builder streambro_builder;

// What went wrong: its class, what it happened to, and what to do about it.
//
// Methods: `streambro_error_code`, `streambro_error_subject`, `streambro_error_detail`, `streambro_error_message`,
// `streambro_error_free`.
typedef struct streambro_error streambro_error;

// Something that happened.
//
// Methods: `streambro_event_seq`, `streambro_event_unix_ms`, `streambro_event_stream`, `streambro_event_user`,
// `streambro_event_type`, `streambro_event_phase`, `streambro_event_detail`, `streambro_event_json`, `streambro_event_free`.
typedef struct streambro_event streambro_event;

// A reader's own bounded queue of events. A slow reader loses the oldest, and is told how many.
//
// Events outlive their manager: what was not read yet can be, and then comes the end.
//
// Methods: `streambro_events_next`, `streambro_events_fd`, `streambro_events_free`.
typedef struct streambro_events streambro_events;

// Keeps streams on the air, and owns the threads that do it. Streams are named by their ids.
//
// One that `streambro_manager_as_user` made shows and touches the streams of one user only: those of others are `NOT_FOUND`,
// and what concerns the whole manager is `NOT_ALLOWED`. It is freed by itself.
//
// Every function may be called from any thread at any time, but for `streambro_manager_free`, which is the last.
//
// Methods, besides those of streams: `streambro_manager_as_user`, `streambro_manager_subscribe`, `streambro_manager_shutdown`,
// `streambro_manager_free`. Putting on the air: `streambro_manager_start`, `streambro_manager_replace`,
// `streambro_manager_stop`, `streambro_manager_clear_all`, `streambro_manager_wait_for`. Looking: `streambro_manager_phase`,
// `streambro_manager_status`, `streambro_manager_list`, `streambro_manager_logs`, `streambro_manager_history`,
// `streambro_manager_usage`, `streambro_manager_metrics`, `streambro_manager_audit`, `streambro_manager_doctor`. Looking
// ahead: `streambro_manager_explain`, `streambro_manager_capacity`, `streambro_manager_analyze`,
// `streambro_manager_analyze_for`, `streambro_manager_encoders`. Playlists: `streambro_manager_playlist`,
// `streambro_manager_as_run`, `streambro_manager_edit`. Destinations: `streambro_manager_add_destination`,
// `streambro_manager_add_destination_json`, `streambro_manager_remove_destination`, `streambro_manager_enable_destination`,
// `streambro_manager_rotate_destination`. Schedules: `streambro_manager_schedule`, `streambro_manager_reschedule`,
// `streambro_manager_extend`, `streambro_manager_clear_end`, `streambro_manager_cancel`, `streambro_manager_upcoming`.
// Renditions: `streambro_manager_prepare`, `streambro_manager_renditions`, `streambro_manager_clear_renditions`.
typedef struct streambro_manager streambro_manager;

// A rendition that is being made. Freed before it is finished, it is given up and leaves nothing.
//
// Methods: `streambro_preparation_progress`, `streambro_preparation_cancel`, `streambro_preparation_wait`,
// `streambro_preparation_free`.
typedef struct streambro_preparation streambro_preparation;

// What should be on the air: what plays, for whom, and where it goes.
//
// It is made from nothing, or from JSON that says everything there is. A spec is only a description: it may be changed and
// used again, and freed as soon as it has been handed to a manager.
//
// Methods: `streambro_spec_new`, `streambro_spec_parse`, `streambro_spec_set_file`, `streambro_spec_add_item`,
// `streambro_spec_set_shuffle`, `streambro_spec_set_repeat`, `streambro_spec_set_user`, `streambro_spec_set_priority`,
// `streambro_spec_add_destination`, `streambro_spec_add_destination_json`, `streambro_spec_set_encoder`, `streambro_spec_set_bitrate`, `streambro_spec_set_size`,
// `streambro_spec_set_fps`, `streambro_spec_set_start`, `streambro_spec_set_end`, `streambro_spec_set_duration`,
// `streambro_spec_set_schedule`, `streambro_spec_json`, `streambro_spec_free`.
typedef struct streambro_spec streambro_spec;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Creates a builder with the defaults: 20 streams, 5 of each user.
streambro_result streambro_builder_new(streambro_builder **out_builder, streambro_error **out_error);

// Creates a builder from JSON, such as `{"v": 1, "max_streams": 1000, "admission": {"queue": {"max_waiting": 50}}}`. Form:
// `settings`.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_builder_parse(const char *json,
                                         streambro_builder **out_builder,
                                         streambro_error **out_error);

// Lifts all limits but those that are set.
streambro_result streambro_builder_set_unlimited(streambro_builder *builder, streambro_error **out_error);

// Limits the streams that run at once. Default: 20.
streambro_result streambro_builder_set_max_streams(streambro_builder *builder,
                                                   size_t streams,
                                                   streambro_error **out_error);

// Limits the streams that each user runs at once. Default: 5.
streambro_result streambro_builder_set_max_streams_per_user(streambro_builder *builder,
                                                            size_t streams,
                                                            streambro_error **out_error);

// Opens no file outside of this directory. Relative paths begin here.
streambro_result streambro_builder_set_media_root(streambro_builder *builder,
                                                  const char *dir,
                                                  streambro_error **out_error);

// Keeps what is wanted and where streams are in this directory, and goes on from there after a restart. Keys are not kept
// unless the JSON says `keep_keys_in_clear`: start those streams once more with theirs.
streambro_result streambro_builder_set_state_dir(streambro_builder *builder,
                                                 const char *dir,
                                                 streambro_error **out_error);

// Uses this ffmpeg, and the ffprobe beside it. Default: the one on the path, if streams want one at all.
streambro_result streambro_builder_set_ffmpeg(streambro_builder *builder,
                                              const char *program,
                                              streambro_error **out_error);

// Keeps what ffmpeg makes of looped files in this directory, up to so many bytes, and copies it from the second lap on.
streambro_result streambro_builder_set_renditions(streambro_builder *builder,
                                                  const char *dir,
                                                  uint64_t quota_bytes,
                                                  streambro_error **out_error);

// Chooses how many threads the library runs its streams on. Default: one for each processor. One carries hundreds of copied
// streams.
streambro_result streambro_builder_set_threads(streambro_builder *builder,
                                               size_t threads,
                                               streambro_error **out_error);

// Creates the manager and its threads. The builder stays the caller's, and may be used again.
//
// Blocks while the state directory is read.
//
// Errors: `INVALID_SPEC` when settings contradict each other or the media root is no directory; `NOT_ALLOWED` and `HOST` when a
// directory cannot be used or there can be no more threads; `STATE_IN_USE`, `STATE_INVALID`.
streambro_result streambro_builder_build(const streambro_builder *builder,
                                         streambro_manager **out_manager,
                                         streambro_error **out_error);

// Looks whether this host can carry what these settings ask, without building anything, and writes what to do about it. Form:
// `doctor`.
//
// Blocks for well under a second on a healthy host, and never over 10 s. Errors: `HOST`.
streambro_result streambro_builder_doctor(const streambro_builder *builder,
                                          char **out_json,
                                          streambro_error **out_error);

// Frees a builder. NULL is fine.
void streambro_builder_free(streambro_builder *builder);

// Returns the code, which is what the call returned as well; `STREAMBRO_RESULT_OK` for NULL.
streambro_result streambro_error_code(const streambro_error *error);

// Returns what it happened to: a stream's id, a path, a setting, an argument. Never a key. Lives as long as the error.
const char *streambro_error_subject(const streambro_error *error);

// Returns what went wrong and what to do about it, in a sentence. Lives as long as the error.
const char *streambro_error_detail(const streambro_error *error);

// Returns all of it in one line, `code: subject: detail`. Lives as long as the error.
const char *streambro_error_message(const streambro_error *error);

// Frees an error. NULL is fine.
void streambro_error_free(streambro_error *error);

// Waits for the next event for at most `timeout_ms` milliseconds: with 0 it only looks, below 0 it waits as long as it takes.
//
// `TIMEOUT` when there was none in time; `END` once the manager was shut down, or its last handle freed, and everything has been
// read.
streambro_result streambro_events_next(streambro_events *events,
                                       int64_t timeout_ms,
                                       streambro_event **out_event,
                                       streambro_error **out_error);

// Writes a descriptor for `poll`, `epoll` and event loops: readable while events wait, and for ever once the manager is gone.
//
// Read events with `streambro_events_next` and a timeout of 0 until it says `TIMEOUT`; never read, write or close the
// descriptor. It is the same at each call, and closes with the events.
//
// Errors: `HOST` when no descriptor is left.
streambro_result streambro_events_fd(streambro_events *events,
                                     int *out_fd,
                                     streambro_error **out_error);

// Frees a queue with what is in it. NULL is fine. Nobody may be waiting.
void streambro_events_free(streambro_events *events);

// Returns its number in its manager, from 0. What a reader lost is told by an event of the type `missed`.
uint64_t streambro_event_seq(const streambro_event *event);

// Returns when it happened, in milliseconds since 1970.
uint64_t streambro_event_unix_ms(const streambro_event *event);

// Returns the id of its stream; NULL for what concerns none. Lives as long as the event.
const char *streambro_event_stream(const streambro_event *event);

// Returns whose stream it is; NULL if it was given no user. Lives as long as the event.
const char *streambro_event_user(const streambro_event *event);

// Returns what kind of event it is: `phase`, `leg`, `item`, `schedule`, `start_failed`, `encoder`, `encoder_failed`,
// `rendition`, `state`, `alert` or `missed`, and whatever comes in later versions. Lives as long as the event.
const char *streambro_event_type(const streambro_event *event);

// Returns in which phase the stream is now, for an event of the type `phase`; `STREAMBRO_PHASE_NONE` for any other.
streambro_phase streambro_event_phase(const streambro_event *event);

// Returns what it says for people, which may be empty; NULL for a type that never says anything. Never a key. Lives as long
// as the event.
const char *streambro_event_detail(const streambro_event *event);

// Returns all of it as JSON. Form: `event`. Lives as long as the event.
const char *streambro_event_json(const streambro_event *event);

// Frees an event. NULL is fine.
void streambro_event_free(streambro_event *event);

// Returns the manager as one user may use it. Its streams are always this user's, whoever a spec names.
//
// It keeps the manager alive like any other. Errors: `NOT_ALLOWED` when it is that of a user already.
streambro_result streambro_manager_as_user(const streambro_manager *manager,
                                           const char *user,
                                           streambro_manager **out_manager,
                                           streambro_error **out_error);

// Subscribes to what happens from now on, keeping at most `capacity` unread events: of the stream of this id, which need not
// run yet, or of every stream if it is NULL.
//
// Errors: `INVALID_SPEC` for an id that cannot be one.
streambro_result streambro_manager_subscribe(const streambro_manager *manager,
                                             const char *id,
                                             size_t capacity,
                                             streambro_events **out_events,
                                             streambro_error **out_error);

// Ends all streams and lets them say goodbye, for as long as `grace_ms` milliseconds; what is not done by then is ended
// anyhow. Nothing can be started afterwards: that is `CLOSED`. Looking goes on as before.
//
// Blocks until they have ended. With a state directory they are wanted as much as before: the next manager goes on with
// them.
//
// Errors: `NOT_ALLOWED` for one user.
streambro_result streambro_manager_shutdown(const streambro_manager *manager,
                                            uint64_t grace_ms,
                                            streambro_error **out_error);

// Frees a manager. NULL is fine. With the last of its handles its streams end at once, without a goodbye: shut it down before.
//
// No other call on it may be under way, nor come later. Events that were subscribed to can still be read.
void streambro_manager_free(streambro_manager *manager);

// Adds a destination to a stream that runs. It joins at the next keyframe; the others notice nothing. Does not wait for it.
//
// `out_leg` is its number, by which it is named from now on. Errors: `NOT_FOUND`; `INVALID_SPEC`, also for one that the
// stream has already and beyond 32; `NOT_ALLOWED`, `LIMIT_REACHED`, `OVERLAP`, `ENDED`.
streambro_result streambro_manager_add_destination(const streambro_manager *manager,
                                                   const char *id,
                                                   const char *url,
                                                   const char *key,
                                                   size_t *out_leg,
                                                   streambro_error **out_error);

// The same with all that a destination may say: `{"url": ..., "key": ..., "backup": ..., "trust": ...}`. Form:
// `destination`.
//
// Errors: the same.
streambro_result streambro_manager_add_destination_json(const streambro_manager *manager,
                                                        const char *id,
                                                        const char *json,
                                                        size_t *out_leg,
                                                        streambro_error **out_error);

// Takes a destination from a stream: it says goodbye, the others notice nothing. Its number may be given to another one
// then.
//
// Errors: `NOT_FOUND`; `INVALID_SPEC` for the last one: stop the stream instead; `ENDED`.
streambro_result streambro_manager_remove_destination(const streambro_manager *manager,
                                                      const char *id,
                                                      size_t leg,
                                                      streambro_error **out_error);

// Lets a destination rest, or puts it on the air again, with fresh retries.
//
// Errors: `NOT_FOUND`, `ENDED`.
streambro_result streambro_manager_enable_destination(const streambro_manager *manager,
                                                      const char *id,
                                                      size_t leg,
                                                      bool on,
                                                      streambro_error **out_error);

// Makes the connection of a destination anew at its next keyframe. Does nothing to one that is not on the air.
//
// Errors: `NOT_FOUND`, `ENDED`.
streambro_result streambro_manager_rotate_destination(const streambro_manager *manager,
                                                      const char *id,
                                                      size_t leg,
                                                      streambro_error **out_error);

// Writes one of a stream's playlists, `streambro_playlist`: its version, its items with their ids, what plays and what
// comes next. Form: `playlist`.
//
// Errors: `NOT_FOUND`; `INVALID_SPEC` when the stream plays a single file, or has no such list.
streambro_result streambro_manager_playlist(const streambro_manager *manager,
                                            const char *id,
                                            uint32_t playlist,
                                            char **out_json,
                                            streambro_error **out_error);

// Writes what became of the latest 256 items of a playlist, oldest first; the last one may be playing. Form: `as_run`.
//
// Errors: as for `streambro_manager_playlist`.
streambro_result streambro_manager_as_run(const streambro_manager *manager,
                                          const char *id,
                                          uint32_t playlist,
                                          char **out_json,
                                          streambro_error **out_error);

// Changes a playlist while it plays, all or nothing; no connection notices. Form: `edits`, such as `[{"append": {"file":
// "next.mp4"}}, "skip"]`.
//
// With a `version` of 0 or more the change is made only if the list is at that version; below 0 in any case. `out_version`
// is the new one. Blocks until items that are added are open.
//
// Errors: `CONFLICT` when the list is at another version; `NOT_FOUND` for a stream or an item; `INVALID_SPEC`, `ENDED`; for
// an item that is added as for `streambro_manager_start`.
streambro_result streambro_manager_edit(const streambro_manager *manager,
                                        const char *id,
                                        uint32_t playlist,
                                        int64_t version,
                                        const char *edits_json,
                                        uint64_t *out_version,
                                        streambro_error **out_error);

// Writes what would become of a stream if it were started now: how it would be sent, what it costs, and which limits count.
// Takes no place and starts nothing. Form: `explanation`.
//
// Blocks until the source is open. Errors: as for `streambro_manager_start` where the source cannot even be looked at.
streambro_result streambro_manager_explain(const streambro_manager *manager,
                                           const streambro_spec *spec,
                                           char **out_json,
                                           streambro_error **out_error);

// Writes how many more streams fit: of a mix of `count` specs, each so many times in every round; `weights` may be NULL, for
// one of each. Form: `capacity`.
//
// Blocks until their sources are open. Errors: `NOT_ALLOWED` for one user; `INVALID_ARGUMENT` for an empty mix; `INVALID_SPEC` for one
// that cannot be sent at all, or weights of 0 alone; as `streambro_manager_explain` for each of them.
streambro_result streambro_manager_capacity(const streambro_manager *manager,
                                            const streambro_spec *const *specs,
                                            const uint32_t *weights,
                                            size_t count,
                                            char **out_json,
                                            streambro_error **out_error);

// Writes how a source would be sent, what the platform of this URL would say to it, and how to encode it so that it is
// mended. The source is JSON, such as `{"file": "film.mp4"}`; the platform is recognised by the host of the URL. Starts
// nothing. Forms: `source`, `analysis`.
//
// Blocks until the source is open. Errors: `INVALID_SPEC`, `NOT_ALLOWED`, `SOURCE_UNREADABLE`, `SOURCE_INVALID`,
// `SOURCE_UNSUPPORTED`, `TIMED_OUT`, `HOST`, `CLOSED`.
streambro_result streambro_manager_analyze(const streambro_manager *manager,
                                           const char *source_json,
                                           const char *url,
                                           char **out_json,
                                           streambro_error **out_error);

// The same for a platform, which is JSON: `"youtube"`, `"twitch"`, `"facebook"`, `"kick"`, or bands of your own. Forms:
// `source`, `platform`, `analysis`.
//
// Blocks and errors: as for `streambro_manager_analyze`.
streambro_result streambro_manager_analyze_for(const streambro_manager *manager,
                                               const char *source_json,
                                               const char *platform_json,
                                               char **out_json,
                                               streambro_error **out_error);

// Tries every encoder once, and writes which of them work here and why the others do not. Form: `encoders`.
//
// Blocks for some seconds the first time. Errors: `ENCODER_UNAVAILABLE` when there is no ffmpeg; `HOST`.
streambro_result streambro_manager_encoders(const streambro_manager *manager,
                                            char **out_json,
                                            streambro_error **out_error);

// Makes the rendition of a source ahead of time, in the background: what the first lap of a looped stream would make on the
// air. The source is JSON, and so is the video: `"copy"` or `{"encode": {"bitrate": 3000000}}`, as in the spec of the
// stream. Forms: `source`, `video`.
//
// Blocks until the source is open. Errors: as for `streambro_manager_start`; `INVALID_SPEC` when the manager keeps no
// renditions; `NOT_ALLOWED` for one user.
streambro_result streambro_manager_prepare(const streambro_manager *manager,
                                           const char *source_json,
                                           const char *video_json,
                                           streambro_preparation **out_preparation,
                                           streambro_error **out_error);

// Writes how many renditions are kept and how much they take; `null` when none are kept. Form: `renditions`.
//
// Blocks for as long as the disk does. Errors: `HOST`; `NOT_ALLOWED` for one user.
streambro_result streambro_manager_renditions(const streambro_manager *manager,
                                              char **out_json,
                                              streambro_error **out_error);

// Removes every rendition that is kept. What plays one plays on.
//
// `out_count` is how many there were; NULL if nobody wants to know. Blocks for as long as the disk does. Errors: `HOST`;
// `NOT_ALLOWED` for one user.
streambro_result streambro_manager_clear_renditions(const streambro_manager *manager,
                                                    size_t *out_count,
                                                    streambro_error **out_error);

// Plans a stream: it is put on the air and taken off as its schedule says. Its source is opened when its time comes. Done
// also when it is planned just so.
//
// Writes what is on or comes first; `null` when nothing is left of the schedule, and nothing was planned. Form: `airing`.
//
// Errors: `INVALID_SPEC`, also for a spec without a schedule; `ALREADY_EXISTS`, `NOT_ALLOWED`; `OVERLAP` when another
// stream sends to the same place meanwhile; `LIMIT_REACHED` when there will be no place for it; `CLOSED`.
streambro_result streambro_manager_schedule(const streambro_manager *manager,
                                            const streambro_spec *spec,
                                            char **out_json,
                                            streambro_error **out_error);

// Gives a planned stream another schedule, which is JSON. What runs and is wanted by that as well goes on. Form:
// `schedule`.
//
// Writes what is on or comes first, as `streambro_manager_schedule` does. Errors: `NOT_FOUND` when none of this id is
// planned; `INVALID_SPEC`, `OVERLAP`, `LIMIT_REACHED`, `CLOSED`: the old schedule stays then.
streambro_result streambro_manager_reschedule(const streambro_manager *manager,
                                              const char *id,
                                              const char *schedule_json,
                                              char **out_json,
                                              streambro_error **out_error);

// Lets a stream go on for so many milliseconds longer: what is on, or what comes next.
//
// Writes what that is now. Form: `airing`. Errors: `NOT_FOUND` when none of this id is planned; `INVALID_SPEC` when it has
// no end; `OVERLAP`, `LIMIT_REACHED`, `CLOSED`.
streambro_result streambro_manager_extend(const streambro_manager *manager,
                                          const char *id,
                                          uint64_t by_ms,
                                          char **out_json,
                                          streambro_error **out_error);

// Drops the end of what is on, or of what comes next: the stream goes on until it is stopped.
//
// `out_had_end` says whether there was one. Errors: `NOT_FOUND` when none of this id is planned; `OVERLAP`,
// `LIMIT_REACHED`, `CLOSED`.
streambro_result streambro_manager_clear_end(const streambro_manager *manager,
                                             const char *id,
                                             bool *out_had_end,
                                             streambro_error **out_error);

// Takes a stream out of the plan: it is wanted neither now nor later. Does not wait for its goodbye.
//
// Errors: `NOT_FOUND` when none of this id is planned.
streambro_result streambro_manager_cancel(const streambro_manager *manager,
                                          const char *id,
                                          streambro_error **out_error);

// Writes the next `count` times at which planned streams begin, the soonest first; what is on is in the status. At most
// 10,000. Form: `upcoming`.
//
// Errors: `INVALID_ARGUMENT` for more.
streambro_result streambro_manager_upcoming(const streambro_manager *manager,
                                            size_t count,
                                            char **out_json,
                                            streambro_error **out_error);

// Writes the next `count` times at which a schedule has its stream on the air, as seen from `from_unix_ms`, with notes on
// changes of the clocks; at most 10,000. The schedule is JSON. Reads nothing but that. Forms: `schedule`, `preview`.
//
// Errors: `INVALID_SPEC`; `INVALID_ARGUMENT` for more, or an instant beyond the year 9999.
streambro_result streambro_schedule_preview(const char *schedule_json,
                                            int64_t from_unix_ms,
                                            size_t count,
                                            char **out_json,
                                            streambro_error **out_error);

// Puts a stream on the air, and keeps it there until it is stopped or ends by itself. Done also when just this stream runs
// already.
//
// Blocks until its source is open and understood, not until it is live: `streambro_manager_wait_for` does that.
//
// Errors: `INVALID_SPEC`, `ALREADY_EXISTS` when a stream of this id runs with another spec, `NOT_ALLOWED`,
// `SOURCE_UNREADABLE`, `SOURCE_INVALID`, `SOURCE_UNSUPPORTED`, `ENCODER_UNAVAILABLE`, `LIMIT_REACHED`, `OVERLAP`,
// `TIMED_OUT`, `HOST`, `CLOSED`; `ENDED` when a `replace` took its place meanwhile.
streambro_result streambro_manager_start(const streambro_manager *manager,
                                         const streambro_spec *spec,
                                         streambro_error **out_error);

// Puts a spec in the place of the one that a stream has. The new source is opened first: if that fails, the stream goes on
// as it is.
//
// Blocks until the old connections have said goodbye, for some seconds at most.
//
// Errors: `NOT_FOUND` when no stream has this id; else as `streambro_manager_start`, but for `ALREADY_EXISTS`.
streambro_result streambro_manager_replace(const streambro_manager *manager,
                                           const streambro_spec *spec,
                                           streambro_error **out_error);

// Ends a stream, with a goodbye. Does not wait for it; stopping one that has ended is fine. Of a stream with a schedule
// this ends what is on now, and not what comes later.
//
// Errors: `NOT_FOUND`.
streambro_result streambro_manager_stop(const streambro_manager *manager, const char *id, streambro_error **out_error);

// Ends every stream, forgets those that have ended, and cancels every schedule. Does not wait.
//
// `out_count` is how many this call has told to end; NULL if nobody wants to know.
streambro_result streambro_manager_clear_all(const streambro_manager *manager,
                                             size_t *out_count,
                                             streambro_error **out_error);

// Waits until a stream is in a phase, one of `streambro_phase`, for at most `timeout_ms` milliseconds; below 0 as long as
// it takes.
//
// It sees the phase that the stream is in, not one that has passed. `LIVE` is when every destination is on the air.
// `TIMEOUT` when it has not come there in time. Errors: `NOT_FOUND` when it does not run, also when it waits for its time;
// `ENDED` when it ends before; `INVALID_ARGUMENT` for a number that is no phase.
streambro_result streambro_manager_wait_for(const streambro_manager *manager,
                                            const char *id,
                                            uint32_t phase,
                                            int64_t timeout_ms,
                                            streambro_error **out_error);

// Says in which phase a stream is, also while it waits for its time.
//
// Errors: `NOT_FOUND`, also when it has ended and is forgotten, a minute later.
streambro_result streambro_manager_phase(const streambro_manager *manager,
                                         const char *id,
                                         streambro_phase *out_phase,
                                         streambro_error **out_error);

// Writes what is known of a stream now: phases, reasons, counters, its destinations one by one. Form: `status`.
//
// Errors: `NOT_FOUND`.
streambro_result streambro_manager_status(const streambro_manager *manager,
                                          const char *id,
                                          char **out_json,
                                          streambro_error **out_error);

// Writes the same of every stream, by id; those that have ended included, until they are forgotten. Form: `list`.
streambro_result streambro_manager_list(const streambro_manager *manager, char **out_json, streambro_error **out_error);

// Writes the latest lines of a stream's log, oldest first. Form: `logs`.
//
// Errors: `NOT_FOUND`, also for one that only waits for its time.
streambro_result streambro_manager_logs(const streambro_manager *manager,
                                        const char *id,
                                        char **out_json,
                                        streambro_error **out_error);

// Writes the latest runs that have ended, oldest first. Form: `history`.
streambro_result streambro_manager_history(const streambro_manager *manager,
                                           char **out_json,
                                           streambro_error **out_error);

// Writes what all streams used at the last measurement, together; `null` before the first. Form: `usage`.
//
// Errors: `NOT_ALLOWED` for one user.
streambro_result streambro_manager_usage(const streambro_manager *manager,
                                         char **out_json,
                                         streambro_error **out_error);

// Writes the figures of all streams as a page that Prometheus reads, in the OpenMetrics text format.
//
// Errors: `NOT_ALLOWED` for one user.
streambro_result streambro_manager_metrics(const streambro_manager *manager,
                                           char **out_text,
                                           streambro_error **out_error);

// Compares what the manager believes with what there is, and writes what does not match: places, tasks, connections, disk
// threads. Form: `audit`.
//
// Returns at once when all is well; else blocks for about a second, because starts and goodbyes are seen halfway.
//
// Errors: `NOT_ALLOWED` for one user.
streambro_result streambro_manager_audit(const streambro_manager *manager,
                                         char **out_json,
                                         streambro_error **out_error);

// Looks whether this host can carry what the manager is set up for, and writes what to do about it. Form: `doctor`.
//
// Blocks for well under a second on a healthy host, and never over 10 s.
//
// Errors: `NOT_ALLOWED` for one user.
streambro_result streambro_manager_doctor(const streambro_manager *manager,
                                          char **out_json,
                                          streambro_error **out_error);

// Writes what is in an MP4 or FLV file, and whether it can go out as it is. Reads its tables and no more; knows of no media
// root. Form: `probe`.
//
// Blocks for as long as the file system does. Errors: `SOURCE_UNREADABLE`, `SOURCE_INVALID`, `SOURCE_UNSUPPORTED`, `HOST`.
streambro_result streambro_probe(const char *path,
                                 char **out_json,
                                 streambro_error **out_error);

// Writes the command line of ffmpeg that would encode a file, as an array of strings, for people to try. It holds no key
// and no destination. Form: `encode`.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_command(const char *encode_json,
                                   const char *path,
                                   char **out_json,
                                   streambro_error **out_error);

// Writes what a destination would receive of a file to an FLV file, as fast as the disks go, so many times in a row; knows
// of no media root. Writes a report. Form: `remux`.
//
// The target is there once it is whole, in the place of what was there. Blocks until then. Errors: as for
// `streambro_probe`; `INVALID_SPEC` for no time at all; `HOST` when it cannot be written.
streambro_result streambro_remux(const char *path,
                                 const char *target,
                                 uint32_t times,
                                 char **out_json,
                                 streambro_error **out_error);

// Writes what of this host counts for streams: memory, processors, load, descriptors, and the limits of control groups.
// Form: `host`.
streambro_result streambro_host(char **out_json, streambro_error **out_error);

// Writes what a platform recommends and allows, with date and source. The platform is JSON, such as `"youtube"`. Forms:
// `platform`, `profile`.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_platform(const char *platform_json, char **out_json, streambro_error **out_error);

// Writes how far it is: stage, part, what is left of its time. Form: `progress`.
streambro_result streambro_preparation_progress(const streambro_preparation *preparation,
                                                char **out_json,
                                                streambro_error **out_error);

// Gives it up. Does not wait.
streambro_result streambro_preparation_cancel(const streambro_preparation *preparation, streambro_error **out_error);

// Waits until it is finished, for at most `timeout_ms` milliseconds; below 0 as long as it takes.
//
// Writes what came of it: `"made"`, `"found"` or `"not_needed"`. `TIMEOUT` when it is not finished in time. Errors:
// `SOURCE_INVALID`, `ENCODER_UNAVAILABLE`, `ENCODER_FAILED`, `HOST`; `ENDED` when it was given up, `CLOSED` when the
// manager shut down.
streambro_result streambro_preparation_wait(const streambro_preparation *preparation,
                                            int64_t timeout_ms,
                                            char **out_json,
                                            streambro_error **out_error);

// Frees a preparation. NULL is fine.
void streambro_preparation_free(streambro_preparation *preparation);

// Returns the name of a code, such as `"not_found"`: the one in JSON and in the documentation. NULL for a number that is none.
// The text is never freed.
const char *streambro_result_name(uint32_t code);

// Returns what a code means, in a sentence or two. NULL for a number that is none. The text is never freed.
const char *streambro_result_meaning(uint32_t code);

// Creates a spec for a stream of this id, which has 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
//
// Errors: `INVALID_ARGUMENT`; a bad id is told when the stream is started.
streambro_result streambro_spec_new(const char *id, streambro_spec **out_spec, streambro_error **out_error);

// Creates a spec from JSON. Form: `spec`.
//
// What is set on it afterwards takes the place of the whole of what the JSON says about that: of what plays, of encoding,
// of its time. Destinations are added to those of the JSON, so that keys need not be in it.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_spec_parse(const char *json,
                                      streambro_spec **out_spec,
                                      streambro_error **out_error);

// Lets it play this MP4 or FLV file; other formats go through ffmpeg. In place of any items.
streambro_result streambro_spec_set_file(streambro_spec *spec, const char *path, streambro_error **out_error);

// Lets it play this file after those added before, on one connection. In place of a file that was set.
streambro_result streambro_spec_add_item(streambro_spec *spec, const char *path, streambro_error **out_error);

// Plays the items in another order each time, which the seed decides. Never one twice in a row.
streambro_result streambro_spec_set_shuffle(streambro_spec *spec, uint64_t seed, streambro_error **out_error);

// Plays it so many times; with 0 until it is stopped. Default: once.
streambro_result streambro_spec_set_repeat(streambro_spec *spec, uint32_t times, streambro_error **out_error);

// Names the user whose limit the stream counts against.
streambro_result streambro_spec_set_user(streambro_spec *spec, const char *user, streambro_error **out_error);

// Chooses who goes first when streams wait for a place: higher before lower. Default: 0.
streambro_result streambro_spec_set_priority(streambro_spec *spec, int32_t priority, streambro_error **out_error);

// Adds a destination: server and application, such as `rtmps://a.rtmps.youtube.com/live2`, and the stream key. There may be 32.
//
// Errors: `INVALID_SPEC`, naming the part that cannot be used. The text never contains the key.
streambro_result streambro_spec_add_destination(streambro_spec *spec,
                                                const char *url,
                                                const char *key,
                                                streambro_error **out_error);

// The same with all that a destination may say: `{"url": ..., "key": ..., "backup": ..., "trust": ...}`. Form:
// `destination`.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_spec_add_destination_json(streambro_spec *spec,
                                                     const char *json,
                                                     streambro_error **out_error);

// Encodes the picture with this encoder, one of `streambro_encoder`. It needs an ffmpeg on the host.
//
// Errors: `INVALID_ARGUMENT` for any other number.
streambro_result streambro_spec_set_encoder(streambro_spec *spec, uint32_t encoder, streambro_error **out_error);

// Encodes the picture at so many bits per second, 50,000 to 200,000,000. Default: by size and frame rate.
streambro_result streambro_spec_set_bitrate(streambro_spec *spec,
                                            uint64_t bits_per_second,
                                            streambro_error **out_error);

// Encodes the picture at this size, with bars where its shape is another one.
streambro_result streambro_spec_set_size(streambro_spec *spec,
                                         uint32_t width,
                                         uint32_t height,
                                         streambro_error **out_error);

// Encodes so many pictures per second, as a fraction: 30000 and 1001 are 29.97.
//
// Errors: `INVALID_ARGUMENT` for a fraction of nothing.
streambro_result streambro_spec_set_fps(streambro_spec *spec,
                                        uint32_t numerator,
                                        uint32_t denominator,
                                        streambro_error **out_error);

// Puts it on the air at this instant, in milliseconds since 1970, and not before.
//
// Errors: `INVALID_ARGUMENT` for an instant beyond the year 9999.
streambro_result streambro_spec_set_start(streambro_spec *spec, int64_t unix_ms, streambro_error **out_error);

// Ends it at this instant, in milliseconds since 1970.
//
// Errors: `INVALID_ARGUMENT` for an instant beyond the year 9999.
streambro_result streambro_spec_set_end(streambro_spec *spec, int64_t unix_ms, streambro_error **out_error);

// Ends it so many milliseconds after its start, whatever the clocks do. In place of any other end.
streambro_result streambro_spec_set_duration(streambro_spec *spec, uint64_t ms, streambro_error **out_error);

// Chooses its time by JSON: windows, zones, cron. Form: `schedule`.
//
// Errors: `INVALID_SPEC`.
streambro_result streambro_spec_set_schedule(streambro_spec *spec, const char *json, streambro_error **out_error);

// Writes a spec as JSON; keys are `***`.
//
// Errors: `INVALID_SPEC` when nothing says what plays.
streambro_result streambro_spec_json(const streambro_spec *spec, char **out_json, streambro_error **out_error);

// Frees a spec. NULL is fine.
void streambro_spec_free(streambro_spec *spec);

// Frees a text that a function has handed over. NULL is fine.
void streambro_text_free(char *text);

// Returns the version of the library that runs, as `STREAMBRO_VERSION_NUMBER` is that of the header:
// `major * 1000000 + minor * 1000 + patch`.
uint32_t streambro_version_number(void);

// Returns the same as a text, such as `"0.1.0"`. It is never freed.
const char *streambro_version(void);

// Returns the name of a phase, `streambro_phase`, as JSON has it, such as `"live"`. NULL for a number that is none. The text is
// never freed.
const char *streambro_phase_name(uint32_t phase);

// Returns what a reason means, of those that JSON names, such as `"bad_key"`. NULL for a name that is none. The text is never
// freed.
const char *streambro_reason_meaning(const char *name);

// Returns what to do about a reason, and what the library does meanwhile. NULL for a name that is none. The text is never freed.
const char *streambro_reason_remedy(const char *name);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STREAMBRO_H */
