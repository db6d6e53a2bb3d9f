#include "cli/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace wattle::cli {
namespace {

constexpr off_t kLargestFileBytes = off_t{1} << 30;

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

Error cannot_read(const std::string& path, int error_number) {
  Error error(error_number == ENOENT ? ErrorCode::not_found : ErrorCode::io,
              fmt::format("cannot read \"{}\": {}", path, std::strerror(error_number)));
  if (error_number == ENOENT)
    return std::move(error).with_remedy("check the path; it is relative to this directory");
  if (error_number == EACCES) return std::move(error).with_remedy("check the permissions of the file");
  return error;
}

}  // namespace

std::string default_cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::string(cache) + "/wattle/code";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/wattle/code";
  return {};
}

Result<std::vector<uint8_t>> read_file(const std::string& path) {
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) return failure(cannot_read(path, errno));
  struct stat status{};
  if (fstat(file.number, &status) != 0) return failure(cannot_read(path, errno));
  if (S_ISDIR(status.st_mode))
    return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is a directory", path))
                       .with_remedy("name the component file, for example app.wasm"));
  if (status.st_size > kLargestFileBytes)
    return failure(ErrorCode::invalid_argument, "\"{}\" has {} bytes; components are read up to 1 GiB", path,
                   status.st_size);
  // The size is a hint only: pipes have none, and files change.
  std::vector<uint8_t> bytes;
  bytes.reserve(static_cast<size_t>(status.st_size) + 1);
  uint8_t buffer[64 * 1024];
  for (;;) {
    const ssize_t count = read(file.number, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(cannot_read(path, errno));
    if (count == 0) return bytes;
    bytes.insert(bytes.end(), buffer, buffer + count);
    if (bytes.size() > static_cast<size_t>(kLargestFileBytes))
      return failure(ErrorCode::invalid_argument, "\"{}\" is larger than 1 GiB", path);
  }
}

Result<std::shared_ptr<const runtime::Component>> load_component(const std::string& path,
                                                                 const runtime::LoadOptions& options) {
  WATTLE_TRY(auto bytes, read_file(path));
  Progress progress(options.compile ? "compiling " + path : "validating " + path);
  auto component = runtime::Component::load(std::move(bytes), options);
  if (!component) return failure(component.error().with_context(fmt::format("cannot load \"{}\"", path)));
  return component;
}

}  // namespace wattle::cli
