#include "host/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace wattle::host {
namespace {

// A file in memory that holds `text`, to be read from its beginning; -1: none could be made.
int file_of(const std::string& text) {
  const int descriptor = ::memfd_create("input", MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t bytes = ::write(descriptor, text.data() + written, text.size() - written);
    if (bytes <= 0) {
      ::close(descriptor);
      return -1;
    }
    written += static_cast<size_t>(bytes);
  }
  ::lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the child, before the program: nothing but system calls, since memory is the parent's. Returns errno.
int become(const ChildOptions& options, char* const* arguments, char* const* environment, int input,
           pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (options.own_group) ::setpgid(0, 0);
  ::dup2(input, 0);
  if (options.errors >= 0) ::dup2(options.errors, 2);
  ::dup2(options.output >= 0 ? options.output : 2, 1);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &usual, nullptr);
  ::execve(options.program.c_str(), arguments, environment);
  return errno;
}

ErrorCode code_of(int number) {
  if (number == ENOENT || number == ENOTDIR) return ErrorCode::not_found;
  if (number == EACCES || number == EPERM) return ErrorCode::permission_denied;
  return ErrorCode::io;
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with code {}", WEXITSTATUS(status));
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(async::Worker& worker,
                                                          const ChildOptions& options) {
  const int input = file_of(options.input);
  if (input < 0) return failure(ErrorCode::io, "a file in memory: {}", std::strerror(errno));
  std::vector<std::string> arguments{options.program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(options.environment);
  const pid_t parent = ::getpid();
  // fork() would copy the tables of all of a host's memory. The parent stands still until the program runs.
  volatile int problem = 0;
  const pid_t pid = ::vfork();
  if (pid == 0) {
    problem = become(options, argument_pointers.data(), environment_pointers.data(), input, parent);
    ::_exit(127);
  }
  const int fork_problem = errno;
  ::close(input);
  if (pid < 0)
    return failure(ErrorCode::io, "{} cannot be started: {}", options.program, std::strerror(fork_problem));
  if (problem != 0) {
    ::waitpid(pid, nullptr, 0);
    return failure(code_of(problem), "{} cannot be started: {}", options.program, std::strerror(problem));
  }
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) {
    const int why = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return failure(ErrorCode::io, "{} cannot be watched: {}", options.program, std::strerror(why));
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(worker, pid, descriptor));
  child->listen();
  return child;
}

ChildProcess::ChildProcess(async::Worker& worker, pid_t pid, int descriptor)
    : worker_(worker), pid_(pid), descriptor_(worker.io(), descriptor) {}

ChildProcess::~ChildProcess() {
  *alive_ = false;
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::listen() {
  descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                         [this, alive = alive_](const boost::system::error_code& problem) {
                           if (*alive && !problem) reap();
                         });
}

void ChildProcess::reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return listen();
  ended_ = describe_status(status);
  ended_well_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  // Who is woken may destroy this object.
  const async::DeferWakesScope defer(worker_);
  changed_.notify();
}

Result<std::string> ChildProcess::wait() {
  while (!ended_) WATTLE_CHECK(changed_.wait());
  return *ended_;
}

void ChildProcess::signal(int number) {
  if (!ended_) ::kill(pid_, number);
}

}  // namespace wattle::host
