// Real servers for the tests of providers: Redis (or Valkey), PostgreSQL, S3 (s3rver) on free ports of
// 127.0.0.1, with their data in folders that go with them. Each ends with its object, and with the thread
// that made it; see nats/test_server.h for NATS.
//
//   RedisServer server;
//   config["URL"] = server.url();
//   server.pause();    // as a machine that hangs
//   server.stop(); server.start();
#pragma once

#include <pwd.h>

#include <map>
#include <string>
#include <vector>

#include "nats/test_server.h"

namespace wattle::providers {

// A child process that listens on a port.
class ServerProcess {
 public:
  using Command = std::vector<std::string>;

  explicit ServerProcess(std::string user = {}) : port_(nats::free_port()) {
    if (user.empty() || ::geteuid() != 0) return;
    if (const passwd* entry = ::getpwnam(user.c_str())) {
      user_ = entry->pw_uid;
      group_ = entry->pw_gid;
      (void)!::chown(folder_.path().c_str(), user_, group_);
    }
  }
  ~ServerProcess() { end(SIGKILL); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  const nats::TestFolder& folder() const { return folder_; }
  std::string folder_file(const std::string& name) const { return folder_.path() + "/" + name; }

  // Runs one of `commands` (the first that is installed), and waits until its port is open. A server that
  // does not come up ends the program, with its log.
  void start(const std::vector<Command>& commands) {
    if (pid_ > 0) return;
    pid_ = spawn(commands);
    for (int i = 0; i < 4000 && !listens(); ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (!listens()) give_up(commands);
  }
  // Runs one of `commands` to its end.
  void run(const std::vector<Command>& commands) {
    const pid_t pid = spawn(commands);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) give_up(commands);
  }
  void end(int signal_number) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal_number);
    ::kill(pid_, SIGCONT);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Returns when the process has stopped.
  void pause() {
    ::kill(pid_, SIGSTOP);
    siginfo_t stopped;
    ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED);
  }
  void resume() { ::kill(pid_, SIGCONT); }
  std::string log() const {
    std::ifstream text(folder_file("server.log"));
    return {std::istreambuf_iterator<char>(text), {}};
  }

 private:
  pid_t spawn(const std::vector<Command>& commands) {
    const std::string log_file = folder_file("server.log");
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    const int file = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(file, 1);
    ::dup2(file, 2);
    if (user_ != 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0 || ::chdir("/") != 0)) ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const Command& command : commands) {
      std::vector<char*> words;
      words.reserve(command.size() + 1);
      for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      ::execvp(words[0], words.data());
    }
    ::_exit(127);
  }
  bool listens() const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return connected;
  }
  [[noreturn]] void give_up(const std::vector<Command>& commands) const {
    std::fprintf(stderr, "%s does not start (tools/install installs it):\n%s\n",
                 commands.front().front().c_str(), log().c_str());
    std::abort();
  }

  nats::TestFolder folder_;
  uint16_t port_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t pid_ = -1;
};

class RedisServer {
 public:
  explicit RedisServer(std::string password = {}) : password_(std::move(password)) { start(); }

  std::string url() const {
    return "redis://" + (password_.empty() ? "" : ":" + password_ + "@") +
           "127.0.0.1:" + std::to_string(process_.port());
  }
  void start() {
    // The password is not an argument, which everybody could read.
    process_.folder().write("redis.conf", "port " + std::to_string(process_.port()) +
                                              "\nbind 127.0.0.1\ndir " + process_.folder().path() +
                                              "\nappendonly yes\nappendfsync no\n" +
                                              (password_.empty() ? "" : "requirepass " + password_ + "\n"));
    const std::string file = process_.folder_file("redis.conf");
    process_.start({{"redis-server", file}, {"valkey-server", file}});
  }
  void stop() { process_.end(SIGTERM); }
  void pause() { process_.pause(); }
  void resume() { process_.resume(); }
  ServerProcess& process() { return process_; }

 private:
  std::string password_;
  ServerProcess process_;
};

// Asks for a password; the superuser is "postgres".
class PostgresServer {
 public:
  static constexpr std::string_view kPassword = "not-so-secret";

  PostgresServer() : process_("postgres") {
    const std::string password_file = process_.folder().write("password", std::string(kPassword));
    ::chmod(password_file.c_str(), 0644);
    process_.run(programs("initdb", {"-D", data(), "-U", "postgres", "-A", "scram-sha-256", "--no-sync",
                                     "--pwfile", password_file, "-E", "UTF8", "--locale=C"}));
    start();
  }
  ~PostgresServer() { stop(); }  // killed, it would leave shared memory behind
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  std::map<std::string, std::string> settings() const {
    return {{"POSTGRES_HOST", "127.0.0.1"},
            {"POSTGRES_PORT", std::to_string(process_.port())},
            {"POSTGRES_USERNAME", "postgres"},
            {"POSTGRES_PASSWORD", std::string(kPassword)},
            {"POSTGRES_DATABASE", "postgres"}};
  }
  void start() {
    process_.start(programs(
        "postgres", {"-D", data(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c",
                     "fsync=off", "-p", std::to_string(process_.port())}));
  }
  // Connections are cut.
  void stop() { process_.end(SIGINT); }
  // With the processes of its connections: it is one to each.
  void pause() { signal_all(SIGSTOP); }
  void resume() { signal_all(SIGCONT); }
  ServerProcess& process() { return process_; }

 private:
  std::string data() const { return process_.folder().path() + "/data"; }
  static std::vector<ServerProcess::Command> programs(const std::string& name, ServerProcess::Command words) {
    std::vector<ServerProcess::Command> commands;
    // Debian keeps them out of the path, by version.
    for (int version = 25; version >= 13; --version) {
      commands.push_back({"/usr/lib/postgresql/" + std::to_string(version) + "/bin/" + name});
      commands.back().insert(commands.back().end(), words.begin(), words.end());
    }
    return commands;
  }
  void signal_all(int signal_number) const {
    const pid_t parent = process_.pid();
    if (signal_number == SIGSTOP) ::kill(parent, SIGSTOP);
    std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                           "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, signal_number);
    if (signal_number != SIGSTOP) ::kill(parent, signal_number);
  }

  ServerProcess process_;
};

// s3rver, from npm; its one account is "S3RVER" with the secret "S3RVER". Tests run in the project's folder.
class S3Server {
 public:
  S3Server() { start(); }
  std::map<std::string, std::string> settings() const {
    return {{"endpoint", "http://127.0.0.1:" + std::to_string(process_.port())},
            {"access_key_id", "S3RVER"},
            {"secret_access_key", "S3RVER"},
            {"region", "us-east-1"}};
  }
  void start() {
    const std::string script = std::filesystem::absolute(".deps/npm/node_modules/s3rver/bin/s3rver.js");
    const ServerProcess::Command words{
        script,      "-d", process_.folder_file("data"),    "-a",
        "127.0.0.1", "-p", std::to_string(process_.port()), "--no-vhost-buckets",
        "--silent"};
    std::vector<ServerProcess::Command> commands{{std::filesystem::absolute(".deps/bin/node")}, {"node"}};
    for (auto& command : commands) command.insert(command.end(), words.begin(), words.end());
    process_.start(commands);
  }
  void stop() { process_.end(SIGKILL); }
  void pause() { process_.pause(); }
  void resume() { process_.resume(); }

 private:
  ServerProcess process_;
};

}  // namespace wattle::providers
