// streambro for C++17: the functions of streambro.h as values that free themselves, and errors as exceptions.
//
//     streambro::Manager manager = streambro::Builder().max_streams(1000).build();
//     manager.start(streambro::Spec("lofi").file("loop.mp4").repeat(0).destination(url, key));
//     manager.wait_for("lofi", STREAMBRO_PHASE_LIVE, std::chrono::seconds(30));
//
// What each function does, its errors and the forms of its JSON stand in streambro.h under the same name. What runs is moved,
// not copied; what was moved away is as good as NULL: calls on it throw INVALID_ARGUMENT. Durations below zero are none, but for the
// timeouts of waits: there they mean as long as it takes. A manager that goes without a `shutdown` ends its streams without a
// goodbye.

#ifndef STREAMBRO_HPP
#define STREAMBRO_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "streambro.h"

namespace streambro {

// What went wrong, to what, and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(streambro_result code, const std::string &message, std::string subject, std::string detail)
      : std::runtime_error(message),
        code_(code),
        words_(std::make_shared<const Words>(Words{std::move(subject), std::move(detail)})) {}

  streambro_result code() const noexcept { return code_; }
  const std::string &subject() const noexcept { return words_->subject; }
  const std::string &detail() const noexcept { return words_->detail; }

 private:
  struct Words {
    std::string subject;
    std::string detail;
  };

  streambro_result code_;
  // Copying an exception must not throw.
  std::shared_ptr<const Words> words_;
};

namespace detail {

template <class T, void (*Free)(T *)>
struct Freeing {
  void operator()(T *object) const noexcept { Free(object); }
};

template <class T, void (*Free)(T *)>
using Handle = std::unique_ptr<T, Freeing<T, Free>>;

inline std::string maybe(const char *text) { return text != nullptr ? text : ""; }

// Milliseconds where there can be none below zero.
inline std::uint64_t positive(std::chrono::milliseconds time) {
  return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}

// Calls a function with the place for its error, and throws that. Returns OK, TIMEOUT or END.
template <class Function, class... Args>
streambro_result call(Function function, Args... args) {
  streambro_error *error = nullptr;
  const streambro_result result = function(args..., &error);
  if (static_cast<std::uint32_t>(result) < 100) return result;
  const Handle<streambro_error, streambro_error_free> owned(error);
  throw Error(result, maybe(streambro_error_message(error)), maybe(streambro_error_subject(error)),
              maybe(streambro_error_detail(error)));
}

// The same for one that hands over a text; none on TIMEOUT.
template <class Function, class... Args>
std::optional<std::string> maybe_text(Function function, Args... args) {
  char *out = nullptr;
  call(function, args..., &out);
  const Handle<char, streambro_text_free> owned(out);
  if (out == nullptr) return std::nullopt;
  return std::string(out);
}

template <class Function, class... Args>
std::string text(Function function, Args... args) {
  return maybe_text(function, args...).value_or("");
}

// The same for one that hands over an object.
template <class T, class Function, class... Args>
T *object(Function function, Args... args) {
  T *out = nullptr;
  call(function, args..., &out);
  return out;
}

// The same for one that hands over a plain value.
template <class T, class Function, class... Args>
T value(Function function, Args... args) {
  T out{};
  call(function, args..., &out);
  return out;
}

}  // namespace detail

// What should be on the air. A copy is the same spec.
class Spec {
 public:
  explicit Spec(const std::string &id) : Spec(detail::object<streambro_spec>(streambro_spec_new, id.c_str())) {}
  static Spec parse(const std::string &json) {
    return Spec(detail::object<streambro_spec>(streambro_spec_parse, json.c_str()));
  }

  Spec file(const std::string &path) { return set(streambro_spec_set_file, path.c_str()); }
  Spec item(const std::string &path) { return set(streambro_spec_add_item, path.c_str()); }
  Spec shuffle(std::uint64_t seed) { return set(streambro_spec_set_shuffle, seed); }
  Spec repeat(std::uint32_t times) { return set(streambro_spec_set_repeat, times); }
  Spec user(const std::string &user) { return set(streambro_spec_set_user, user.c_str()); }
  Spec priority(std::int32_t priority) { return set(streambro_spec_set_priority, priority); }
  Spec destination(const std::string &url, const std::string &key) {
    return set(streambro_spec_add_destination, url.c_str(), key.c_str());
  }
  Spec destination_json(const std::string &json) { return set(streambro_spec_add_destination_json, json.c_str()); }
  Spec encoder(streambro_encoder encoder) {
    return set(streambro_spec_set_encoder, static_cast<std::uint32_t>(encoder));
  }
  Spec bitrate(std::uint64_t bits_per_second) { return set(streambro_spec_set_bitrate, bits_per_second); }
  Spec size(std::uint32_t width, std::uint32_t height) { return set(streambro_spec_set_size, width, height); }
  Spec fps(std::uint32_t numerator, std::uint32_t denominator = 1) {
    return set(streambro_spec_set_fps, numerator, denominator);
  }
  Spec start(std::int64_t unix_ms) { return set(streambro_spec_set_start, unix_ms); }
  Spec end(std::int64_t unix_ms) { return set(streambro_spec_set_end, unix_ms); }
  Spec duration(std::chrono::milliseconds time) {
    return set(streambro_spec_set_duration, detail::positive(time));
  }
  Spec schedule(const std::string &json) { return set(streambro_spec_set_schedule, json.c_str()); }

  std::string json() const { return detail::text(streambro_spec_json, get()); }
  const streambro_spec *get() const noexcept { return spec_.get(); }

 private:
  explicit Spec(streambro_spec *spec) : spec_(spec, streambro_spec_free) {}

  template <class Function, class... Args>
  Spec set(Function function, Args... args) {
    detail::call(function, spec_.get(), args...);
    return *this;
  }

  std::shared_ptr<streambro_spec> spec_;
};

// Something that happened.
class Event {
 public:
  std::uint64_t seq() const { return streambro_event_seq(event_.get()); }
  std::uint64_t unix_ms() const { return streambro_event_unix_ms(event_.get()); }
  // Empty for what concerns none.
  std::string stream() const { return detail::maybe(streambro_event_stream(event_.get())); }
  // Empty if it was given no user.
  std::string user() const { return detail::maybe(streambro_event_user(event_.get())); }
  std::string type() const { return detail::maybe(streambro_event_type(event_.get())); }
  streambro_phase phase() const { return streambro_event_phase(event_.get()); }
  std::string detail() const { return detail::maybe(streambro_event_detail(event_.get())); }
  std::string json() const { return detail::maybe(streambro_event_json(event_.get())); }

 private:
  friend class Events;
  explicit Event(streambro_event *event) : event_(event) {}

  detail::Handle<streambro_event, streambro_event_free> event_;
};

// A reader's own bounded queue of events.
class Events {
 public:
  // The next event; none when there was none in time, or when `is_over` says that none will ever come. Below zero it waits as
  // long as it takes.
  std::optional<Event> next(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) {
    streambro_event *event = nullptr;
    const streambro_result result =
        detail::call(streambro_events_next, events_.get(), std::int64_t{timeout.count()}, &event);
    over_ = result == STREAMBRO_RESULT_END;
    if (result != STREAMBRO_RESULT_OK) return std::nullopt;
    return Event(event);
  }
  bool is_over() const noexcept { return over_; }
  int fd() const { return detail::value<int>(streambro_events_fd, events_.get()); }

 private:
  friend class Manager;
  explicit Events(streambro_events *events) : events_(events) {}

  detail::Handle<streambro_events, streambro_events_free> events_;
  bool over_ = false;
};

// A rendition that is being made.
class Preparation {
 public:
  std::string progress() const { return detail::text(streambro_preparation_progress, preparation_.get()); }
  void cancel() { detail::call(streambro_preparation_cancel, preparation_.get()); }
  // What came of it as JSON; none when it is not finished in time.
  std::optional<std::string> wait(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) const {
    return detail::maybe_text(streambro_preparation_wait, preparation_.get(), std::int64_t{timeout.count()});
  }

 private:
  friend class Manager;
  explicit Preparation(streambro_preparation *preparation) : preparation_(preparation) {}

  detail::Handle<streambro_preparation, streambro_preparation_free> preparation_;
};

// Keeps streams on the air.
class Manager {
 public:
  Manager as_user(const std::string &user) const {
    return Manager(detail::object<streambro_manager>(streambro_manager_as_user, get(), user.c_str()));
  }

  void start(const Spec &spec) { detail::call(streambro_manager_start, get(), spec.get()); }
  void replace(const Spec &spec) { detail::call(streambro_manager_replace, get(), spec.get()); }
  void stop(const std::string &id) { detail::call(streambro_manager_stop, get(), id.c_str()); }
  std::size_t clear_all() { return detail::value<std::size_t>(streambro_manager_clear_all, get()); }
  // Whether it came there in time; below zero it waits as long as it takes.
  bool wait_for(const std::string &id, streambro_phase phase, std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) const {
    return detail::call(streambro_manager_wait_for, get(), id.c_str(), static_cast<std::uint32_t>(phase),
                        std::int64_t{timeout.count()}) == STREAMBRO_RESULT_OK;
  }

  streambro_phase phase(const std::string &id) const {
    return detail::value<streambro_phase>(streambro_manager_phase, get(), id.c_str());
  }
  std::string status(const std::string &id) const { return of(streambro_manager_status, id); }
  std::string list() const { return detail::text(streambro_manager_list, get()); }
  std::string logs(const std::string &id) const { return of(streambro_manager_logs, id); }
  std::string history() const { return detail::text(streambro_manager_history, get()); }
  std::string usage() const { return detail::text(streambro_manager_usage, get()); }
  std::string metrics() const { return detail::text(streambro_manager_metrics, get()); }
  std::string audit() const { return detail::text(streambro_manager_audit, get()); }
  std::string doctor() const { return detail::text(streambro_manager_doctor, get()); }
  Events subscribe(std::size_t capacity) const {
    return Events(
        detail::object<streambro_events>(streambro_manager_subscribe, get(), static_cast<char *>(nullptr), capacity));
  }
  Events subscribe_to(const std::string &id, std::size_t capacity) const {
    return Events(detail::object<streambro_events>(streambro_manager_subscribe, get(), id.c_str(), capacity));
  }

  std::string explain(const Spec &spec) const {
    return detail::text(streambro_manager_explain, get(), spec.get());
  }
  // Of a mix of specs, each so many times in every round.
  std::string capacity(const std::vector<std::pair<const Spec *, std::uint32_t>> &mix) const {
    std::vector<const streambro_spec *> specs;
    std::vector<std::uint32_t> weights;
    for (const auto &[spec, weight] : mix) {
      specs.push_back(spec->get());
      weights.push_back(weight);
    }
    return detail::text(streambro_manager_capacity, get(), specs.data(), weights.data(), specs.size());
  }
  std::string analyze(const std::string &source_json, const std::string &url) const {
    return detail::text(streambro_manager_analyze, get(), source_json.c_str(), url.c_str());
  }
  std::string analyze_for(const std::string &source_json, const std::string &platform_json) const {
    return detail::text(streambro_manager_analyze_for, get(), source_json.c_str(), platform_json.c_str());
  }
  std::string encoders() const { return detail::text(streambro_manager_encoders, get()); }
  Preparation prepare(const std::string &source_json, const std::string &video_json) {
    return Preparation(detail::object<streambro_preparation>(streambro_manager_prepare, get(), source_json.c_str(),
                                                             video_json.c_str()));
  }
  std::string renditions() const { return detail::text(streambro_manager_renditions, get()); }
  std::size_t clear_renditions() { return detail::value<std::size_t>(streambro_manager_clear_renditions, get()); }

  std::string playlist(const std::string &id, streambro_playlist which = STREAMBRO_PLAYLIST_MAIN) const {
    return detail::text(streambro_manager_playlist, get(), id.c_str(), static_cast<std::uint32_t>(which));
  }
  std::string as_run(const std::string &id, streambro_playlist which = STREAMBRO_PLAYLIST_MAIN) const {
    return detail::text(streambro_manager_as_run, get(), id.c_str(), static_cast<std::uint32_t>(which));
  }
  // Returns the new version; with one of 0 or more the list must still be at that.
  std::uint64_t edit(const std::string &id, const std::string &edits_json, std::int64_t version = -1,
                     streambro_playlist which = STREAMBRO_PLAYLIST_MAIN) {
    return detail::value<std::uint64_t>(streambro_manager_edit, get(), id.c_str(), static_cast<std::uint32_t>(which),
                                        version, edits_json.c_str());
  }

  std::size_t add_destination(const std::string &id, const std::string &url, const std::string &key) {
    return detail::value<std::size_t>(streambro_manager_add_destination, get(), id.c_str(), url.c_str(), key.c_str());
  }
  std::size_t add_destination_json(const std::string &id, const std::string &json) {
    return detail::value<std::size_t>(streambro_manager_add_destination_json, get(), id.c_str(), json.c_str());
  }
  void remove_destination(const std::string &id, std::size_t leg) {
    detail::call(streambro_manager_remove_destination, get(), id.c_str(), leg);
  }
  void enable_destination(const std::string &id, std::size_t leg, bool on) {
    detail::call(streambro_manager_enable_destination, get(), id.c_str(), leg, on);
  }
  void rotate_destination(const std::string &id, std::size_t leg) {
    detail::call(streambro_manager_rotate_destination, get(), id.c_str(), leg);
  }

  std::string schedule(const Spec &spec) { return detail::text(streambro_manager_schedule, get(), spec.get()); }
  std::string reschedule(const std::string &id, const std::string &schedule_json) {
    return detail::text(streambro_manager_reschedule, get(), id.c_str(), schedule_json.c_str());
  }
  std::string extend(const std::string &id, std::chrono::milliseconds by) {
    return detail::text(streambro_manager_extend, get(), id.c_str(), detail::positive(by));
  }
  bool clear_end(const std::string &id) {
    return detail::value<bool>(streambro_manager_clear_end, get(), id.c_str());
  }
  void cancel(const std::string &id) { detail::call(streambro_manager_cancel, get(), id.c_str()); }
  std::string upcoming(std::size_t count) const { return detail::text(streambro_manager_upcoming, get(), count); }

  void shutdown(std::chrono::milliseconds grace) {
    detail::call(streambro_manager_shutdown, get(), detail::positive(grace));
  }
  const streambro_manager *get() const noexcept { return manager_.get(); }

 private:
  friend class Builder;
  explicit Manager(streambro_manager *manager) : manager_(manager) {}

  template <class Function>
  std::string of(Function function, const std::string &id) const {
    return detail::text(function, get(), id.c_str());
  }

  detail::Handle<streambro_manager, streambro_manager_free> manager_;
};

// Settings of a manager. A copy is the same builder.
class Builder {
 public:
  Builder() : Builder(detail::object<streambro_builder>(streambro_builder_new)) {}
  static Builder parse(const std::string &json) {
    return Builder(detail::object<streambro_builder>(streambro_builder_parse, json.c_str()));
  }

  Builder unlimited() { return set(streambro_builder_set_unlimited); }
  Builder max_streams(std::size_t streams) { return set(streambro_builder_set_max_streams, streams); }
  Builder max_streams_per_user(std::size_t streams) { return set(streambro_builder_set_max_streams_per_user, streams); }
  Builder media_root(const std::string &dir) { return set(streambro_builder_set_media_root, dir.c_str()); }
  Builder state_dir(const std::string &dir) { return set(streambro_builder_set_state_dir, dir.c_str()); }
  Builder ffmpeg(const std::string &program) { return set(streambro_builder_set_ffmpeg, program.c_str()); }
  Builder renditions(const std::string &dir, std::uint64_t quota_bytes) {
    return set(streambro_builder_set_renditions, dir.c_str(), quota_bytes);
  }
  Builder threads(std::size_t threads) { return set(streambro_builder_set_threads, threads); }

  std::string doctor() const { return detail::text(streambro_builder_doctor, builder_.get()); }
  Manager build() const {
    return Manager(detail::object<streambro_manager>(streambro_builder_build, builder_.get()));
  }

 private:
  explicit Builder(streambro_builder *builder) : builder_(builder, streambro_builder_free) {}

  template <class Function, class... Args>
  Builder set(Function function, Args... args) {
    detail::call(function, builder_.get(), args...);
    return *this;
  }

  std::shared_ptr<streambro_builder> builder_;
};

inline std::string host() { return detail::text(streambro_host); }
inline std::string platform(const std::string &platform_json) {
  return detail::text(streambro_platform, platform_json.c_str());
}
inline std::string phase_name(streambro_phase phase) {
  return detail::maybe(streambro_phase_name(static_cast<std::uint32_t>(phase)));
}
inline std::string reason_meaning(const std::string &name) { return detail::maybe(streambro_reason_meaning(name.c_str())); }
inline std::string reason_remedy(const std::string &name) { return detail::maybe(streambro_reason_remedy(name.c_str())); }
inline std::string version() { return streambro_version(); }
inline std::string probe(const std::string &path) { return detail::text(streambro_probe, path.c_str()); }
inline std::string command(const std::string &encode_json, const std::string &path) {
  return detail::text(streambro_command, encode_json.c_str(), path.c_str());
}
inline std::string remux(const std::string &path, const std::string &target, std::uint32_t times = 1) {
  return detail::text(streambro_remux, path.c_str(), target.c_str(), times);
}
inline std::string preview(const std::string &schedule_json, std::int64_t from_unix_ms, std::size_t count) {
  return detail::text(streambro_schedule_preview, schedule_json.c_str(), from_unix_ms, count);
}

}  // namespace streambro

#endif  // STREAMBRO_HPP
