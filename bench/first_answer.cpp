// Starts a server and prints how long it took to its first whole answer, in microseconds.
//
//   first_answer PORT BODY COMMAND [ARGUMENT...]
//
// From just before the new process is made until the last byte of BODY has arrived over HTTP on
// 127.0.0.1:PORT. Connecting is tried every 0.2 ms. The server is ended afterwards; its output goes to this
// program's error output. Exits with 1 when no answer came within 60 s, or when the server ended by itself.
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr auto kAnswerWithin = seconds(60);
constexpr auto kStopWithin = seconds(5);
constexpr auto kConnectInterval = microseconds(200);
constexpr size_t kAnswerBytesMax = 1 << 20;

pid_t start(char** command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t process = 0;
  int error = posix_spawnp(&process, command[0], &actions, nullptr, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? process : -1;
}

bool has_ended(pid_t process) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

void stop(pid_t process) {
  kill(process, SIGTERM);
  auto deadline = Clock::now() + kStopWithin;
  while (Clock::now() < deadline) {
    if (waitpid(process, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
}

// A connection of its own for each try: whether the whole answer came.
bool try_once(const sockaddr_in& address, std::string_view body) {
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return false;
  timeval patience{.tv_sec = seconds(kAnswerWithin).count(), .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  std::string answer;
  bool whole = false;
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(connection, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(kRequest.size())) {
    char block[4096];
    while (!whole && answer.size() < kAnswerBytesMax) {
      ssize_t count = recv(connection, block, sizeof(block), 0);
      if (count <= 0) break;
      answer.append(block, static_cast<size_t>(count));
      whole = answer.starts_with("HTTP/1.1 200") && answer.find(body) != std::string::npos;
    }
  }
  close(connection);
  return whole;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 4) {
    std::fprintf(stderr, "usage: first_answer PORT BODY COMMAND [ARGUMENT...]\n");
    return 2;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(arguments[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

  auto started = Clock::now();
  pid_t process = start(arguments + 3);
  if (process < 0) {
    std::fprintf(stderr, "first_answer: cannot start %s\n", arguments[3]);
    return 1;
  }
  bool answered = false;
  while (!answered && Clock::now() < started + kAnswerWithin && !has_ended(process)) {
    answered = try_once(address, arguments[2]);
    if (!answered) std::this_thread::sleep_for(kConnectInterval);
  }
  auto took = std::chrono::duration_cast<microseconds>(Clock::now() - started);
  stop(process);
  if (!answered) {
    std::fprintf(stderr, "first_answer: %s gave no answer\n", arguments[3]);
    return 1;
  }
  std::printf("%lld\n", static_cast<long long>(took.count()));
  return 0;
}
