#include "cli/lattice_connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace wattle::cli {
namespace {

constexpr int64_t kFormat = 1;
constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr size_t kProcessesMax = 10'000;
constexpr std::string_view kDefaultUrl = "nats://127.0.0.1:4222";

Error malformed(std::string_view why) {
  return {ErrorCode::malformed, fmt::format("this is no connection file of wattle: {}", why)};
}

Result<std::string> text_field(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr) return std::string();
  if (!found->is_string()) return failure(malformed(fmt::format("\"{}\" must be a text", name)));
  return std::string(found->get_string());
}

Result<ProcessMark> parse_process(const boost::json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return failure(malformed("a process must be an object"));
  WATTLE_TRY(auto role, text_field(*object, "role"));
  boost::system::error_code no_pid, no_start;
  const auto* pid = object->if_contains("pid");
  const auto* started = object->if_contains("started");
  if (pid == nullptr || started == nullptr || !pid->is_number() || !started->is_number())
    return failure(malformed("a process must have \"pid\" and \"started\""));
  ProcessMark mark{std::move(role), pid->to_number<pid_t>(no_pid), started->to_number<uint64_t>(no_start)};
  if (no_pid || no_start || mark.pid <= 0) return failure(malformed("a process's numbers are out of range"));
  return mark;
}

Error cannot(std::string_view what, const std::string& path, int error_number) {
  const ErrorCode code = error_number == ENOENT   ? ErrorCode::not_found
                         : error_number == EACCES ? ErrorCode::permission_denied
                                                  : ErrorCode::io;
  return {code, fmt::format("cannot {} \"{}\": {}", what, path, std::strerror(error_number))};
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

Result<std::string> read_all(int descriptor, const std::string& path) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(cannot("read", path, errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > kFileBytesMax) return failure(malformed("it is too large"));
  }
}

}  // namespace

Result<Connection> parse_connection(std::string_view json) {
  boost::system::error_code problem;
  const auto value = boost::json::parse(json, problem);
  if (problem || !value.is_object()) return failure(malformed("it is no JSON object"));
  const auto& object = value.get_object();
  const auto* format = object.if_contains("format");
  if (format == nullptr || !format->is_int64() || format->get_int64() < 1)
    return failure(malformed("it has no \"format\""));
  if (format->get_int64() > kFormat)
    return failure(Error(ErrorCode::unsupported,
                         fmt::format("the file has format {}, and this wattle reads formats up to {}",
                                     format->get_int64(), kFormat))
                       .with_remedy("use the wattle that wrote it, or a newer one"));
  Connection connection;
  WATTLE_TRY(connection.lattice, text_field(object, "lattice"));
  WATTLE_TRY(connection.url, text_field(object, "url"));
  WATTLE_TRY(connection.websocket_url, text_field(object, "websocket_url"));
  WATTLE_TRY(connection.credentials_file, text_field(object, "credentials_file"));
  WATTLE_TRY(connection.account_key_file, text_field(object, "account_key_file"));
  WATTLE_TRY(connection.secrets_key_file, text_field(object, "secrets_key_file"));
  WATTLE_TRY(connection.secrets_folder, text_field(object, "secrets_folder"));
  if (connection.lattice.empty() || connection.url.empty())
    return failure(malformed("it names no \"lattice\" or no \"url\""));
  if (const auto* processes = object.if_contains("processes"); processes != nullptr) {
    if (!processes->is_array() || processes->get_array().size() > kProcessesMax)
      return failure(malformed("\"processes\" must be a list"));
    for (const auto& each : processes->get_array()) {
      WATTLE_TRY(auto mark, parse_process(each));
      connection.processes.push_back(std::move(mark));
    }
  }
  return connection;
}

std::string to_json(const Connection& connection) {
  boost::json::array processes;
  for (const auto& mark : connection.processes)
    processes.push_back({{"role", mark.role}, {"pid", mark.pid}, {"started", mark.started}});
  return boost::json::serialize(boost::json::object{{"format", kFormat},
                                                    {"lattice", connection.lattice},
                                                    {"url", connection.url},
                                                    {"websocket_url", connection.websocket_url},
                                                    {"credentials_file", connection.credentials_file},
                                                    {"account_key_file", connection.account_key_file},
                                                    {"secrets_key_file", connection.secrets_key_file},
                                                    {"secrets_folder", connection.secrets_folder},
                                                    {"processes", std::move(processes)}});
}

std::string runtime_folder() {
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder != nullptr && *folder == '/')
    return std::string(folder) + "/wattle";
  return fmt::format("/tmp/wattle-{}", getuid());
}

std::string connection_path(std::string_view lattice) {
  return fmt::format("{}/{}.json", runtime_folder(), lattice);
}

Result<void> make_private_folder(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(cannot("make the folder", path, errno));
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return failure(cannot("look at", path, errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 0077) != 0)
    return failure(Error(ErrorCode::permission_denied,
                         fmt::format("\"{}\" is not a folder that this user alone may use", path))
                       .with_remedy(fmt::format("see whose it is; if it is yours: chmod 700 {}", path)));
  return {};
}

Result<Connection> read_connection(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.descriptor() < 0) return failure(cannot("read", path, errno));
  struct stat status{};
  if (fstat(file.descriptor(), &status) != 0) return failure(cannot("look at", path, errno));
  if (status.st_uid != geteuid() || (status.st_mode & 0077) != 0)
    return failure(Error(ErrorCode::permission_denied,
                         fmt::format("\"{}\" is not a file that this user alone may use", path))
                       .with_remedy(fmt::format("see whose it is; if it is yours: chmod 600 {}", path)));
  WATTLE_TRY(const std::string text, read_all(file.descriptor(), path));
  auto connection = parse_connection(text);
  if (!connection) return failure(connection.error().with_context(fmt::format("cannot use \"{}\"", path)));
  return connection;
}

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const std::string unfinished = fmt::format("{}.{}", path, getpid());
  const auto fail = [&](int error_number) {
    unlink(unfinished.c_str());
    return failure(cannot("write", path, error_number));
  };
  {
    unlink(unfinished.c_str());
    const File file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.descriptor() < 0) return fail(errno);
    if (!write_all(file.descriptor(), text) || fsync(file.descriptor()) != 0) return fail(errno);
  }
  if (rename(unfinished.c_str(), path.c_str()) != 0) return fail(errno);
  return {};
}

Result<Connection> find_connection(Connection given) {
  if (!given.url.empty()) return given;
  auto written = read_connection(connection_path(given.lattice));
  if (!written && written.error().code() != ErrorCode::not_found) return failure(written.error());
  if (written && !written->processes.empty() && lives(written->processes.front())) {
    if (!given.credentials_file.empty()) written->credentials_file = given.credentials_file;
    return written;
  }
  given.url = kDefaultUrl;
  return given;
}

}  // namespace wattle::cli
