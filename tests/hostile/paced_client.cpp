// A well-behaved neighbour: GET requests at a fixed rate on kept connections, and how long they took.
//
//   paced_client PORT PATH BODY REQUESTS-PER-SECOND CONNECTIONS SECONDS
//
// Prints one line: requests wrong p50-us p99-us max-us. "wrong" counts answers that are not 200 with BODY,
// and lost connections. A request that could not be sent on time because the one before was still out counts
// from the time it was due: slow answers cannot hide by slowing the client down. The client asks the kernel
// for short turns on the processor (Linux 6.12), by which it is let in soon beside other programs: else it
// would measure its own waits.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr int kAnswerSecondsMax = 10;
constexpr size_t kAnswerBytesMax = 1 << 20;
constexpr int kConnectionsMax = 256;
constexpr int kRequestsPerSecondMax = 100'000;
constexpr int kSecondsMax = 3600;

struct Plan {
  uint16_t port = 0;
  std::string request;
  std::string body;
  Clock::duration interval{};  // of one connection
  Clock::time_point end;
};

struct Outcome {
  std::vector<uint64_t> latencies_us;
  uint64_t wrong = 0;
};

int open_connection(uint16_t port) {
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return -1;
  timeval patience{.tv_sec = kAnswerSecondsMax, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return connection;
  close(connection);
  return -1;
}

// Whether `answer` is whole: its head, and after it the body or the last chunk.
bool is_whole(std::string_view answer, std::string_view body) {
  size_t head = answer.find("\r\n\r\n");
  if (head == std::string_view::npos) return false;
  std::string_view rest = answer.substr(head + 4);
  bool chunked = answer.substr(0, head).find("hunked") != std::string_view::npos;
  return chunked ? rest.ends_with("0\r\n\r\n") : rest.size() >= body.size();
}

bool ask(int connection, const Plan& plan) {
  if (send(connection, plan.request.data(), plan.request.size(), MSG_NOSIGNAL) < 0) return false;
  std::string answer;
  char block[4096];
  while (answer.size() < kAnswerBytesMax) {
    ssize_t count = recv(connection, block, sizeof(block), 0);
    if (count <= 0) return false;
    answer.append(block, static_cast<size_t>(count));
    if (is_whole(answer, plan.body))
      return answer.starts_with("HTTP/1.1 200") && answer.find(plan.body) != std::string::npos;
  }
  return false;
}

void run_connection(const Plan& plan, Clock::time_point due, Outcome& outcome) {
  int connection = -1;
  for (bool late = false; due < plan.end; due += plan.interval) {
    late = Clock::now() > due;
    if (!late) std::this_thread::sleep_until(due);
    auto started = late ? due : Clock::now();
    if (connection < 0) connection = open_connection(plan.port);
    if (connection < 0 || !ask(connection, plan)) {
      ++outcome.wrong;
      if (connection >= 0) close(connection);
      connection = -1;
    }
    auto took = std::chrono::duration_cast<microseconds>(Clock::now() - started);
    outcome.latencies_us.push_back(static_cast<uint64_t>(took.count()));
  }
  if (connection >= 0) close(connection);
}

void take_short_turns() {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
  } attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.runtime_ns = 100'000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

bool read_number(const char* text, int most, int& number) {
  number = std::atoi(text);
  return number >= 1 && number <= most;
}

}  // namespace

int main(int argument_count, char** arguments) {
  int port = 0, rate = 0, connections = 0, seconds = 0;
  if (argument_count != 7 || !read_number(arguments[1], 65535, port) ||
      !read_number(arguments[4], kRequestsPerSecondMax, rate) ||
      !read_number(arguments[5], kConnectionsMax, connections) ||
      !read_number(arguments[6], kSecondsMax, seconds)) {
    std::fprintf(stderr, "usage: paced_client PORT PATH BODY REQUESTS-PER-SECOND CONNECTIONS SECONDS\n");
    return 2;
  }
  take_short_turns();  // all threads inherit it
  Plan plan;
  plan.port = static_cast<uint16_t>(port);
  plan.request = std::string("GET ") + arguments[2] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  plan.body = arguments[3];
  plan.interval = std::chrono::duration_cast<Clock::duration>(std::chrono::seconds(connections)) / rate;
  auto begin = Clock::now();
  plan.end = begin + std::chrono::seconds(seconds);

  std::vector<Outcome> outcomes(static_cast<size_t>(connections));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < outcomes.size(); ++i)
    threads.emplace_back(run_connection, std::cref(plan), begin + plan.interval * i / connections,
                         std::ref(outcomes[i]));
  for (std::thread& thread : threads) thread.join();

  std::vector<uint64_t> all;
  uint64_t wrong = 0;
  for (const Outcome& outcome : outcomes) {
    all.insert(all.end(), outcome.latencies_us.begin(), outcome.latencies_us.end());
    wrong += outcome.wrong;
  }
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  std::printf("%zu %llu %llu %llu %llu\n", all.size(), static_cast<unsigned long long>(wrong),
              static_cast<unsigned long long>(all[all.size() / 2]),
              static_cast<unsigned long long>(all[all.size() * 99 / 100]),
              static_cast<unsigned long long>(all.back()));
  return 0;
}
