#include "cli/process.h"

#include <poll.h>
#include <unistd.h>

extern "C" {  // which glibc 2.36 forgets to say itself
#include <sys/pidfd.h>
}

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace wattle::cli {
namespace {

// A descriptor of exactly that process: from then on its id cannot come to mean another one.
class Handle {
 public:
  explicit Handle(const ProcessMark& mark) : descriptor_(pidfd_open(mark.pid, 0)) {
    if (descriptor_ >= 0 && !lives(mark)) close_descriptor();
  }
  ~Handle() { close_descriptor(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  void close_descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

  int descriptor_;
};

}  // namespace

std::optional<uint64_t> start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return {};
  // The second field is the program's name in brackets, and may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int kStateField = 3, kStartField = 22;
  std::string field;
  for (int number = kStateField; number <= kStartField && fields >> field; ++number)
    if (number == kStateField && (field == "Z" || field == "X")) return {};
  uint64_t started = 0;
  const auto read = std::from_chars(field.data(), field.data() + field.size(), started);
  return read.ec == std::errc() ? std::optional(started) : std::nullopt;
}

ProcessMark mark_of(std::string role, pid_t pid) {
  return {std::move(role), pid, start_time(pid).value_or(0)};
}

bool lives(const ProcessMark& mark) {
  return mark.pid > 0 && mark.started != 0 && start_time(mark.pid) == mark.started;
}

bool send_signal(const ProcessMark& mark, int signal_number) {
  const Handle handle(mark);
  return handle.descriptor() >= 0 && pidfd_send_signal(handle.descriptor(), signal_number, nullptr, 0) == 0;
}

bool wait_for_end(const ProcessMark& mark, TimePoint until) {
  const Handle handle(mark);
  while (handle.descriptor() >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd event{.fd = handle.descriptor(), .events = POLLIN, .revents = 0};
    const int ready = poll(&event, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
    if (ready > 0) break;
    if (Clock::now() >= until) return false;
  }
  return true;
}

}  // namespace wattle::cli
