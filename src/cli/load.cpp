#include "cli/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

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
  if (error_number == ENOENT && !path.starts_with('/'))
    return std::move(error).with_remedy("check the path; it is relative to the current directory");
  if (error_number == ENOENT) return std::move(error).with_remedy("check the path");
  if (error_number == EACCES) return std::move(error).with_remedy("check the permissions of the file");
  return error;
}

bool has_remedy(const Error& error) {
  for (const Error* each = &error; each != nullptr; each = each->cause())
    if (!each->remedy().empty()) return true;
  return false;
}

// What to do about bytes that are no component; `start` is how they begin.
std::string remedy_for(std::string_view start) {
  if (start.empty()) return "build or download the file again: what made it did not finish";
  if (start.starts_with(std::string_view("\0asm", 4)))
    return "build or download the file again: it is cut short or damaged";
  const size_t text = start.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos && start[text] == '(')
    return "this looks like WebAssembly text: make a binary of it with `wasm-tools parse` or, with npm, "
           "`jco parse FILE.wat -o FILE.wasm`";
  return "name the component file that your toolchain made, for example app.wasm";
}

}  // namespace

std::string default_cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::string(cache) + "/wattle/code";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/wattle/code";
  return {};
}

Result<void> check_cache_directory(const std::string& path) {
  if (path.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && access(path.c_str(), W_OK | X_OK) != 0) error.assign(errno, std::generic_category());
  if (!error && !std::filesystem::is_directory(path, error) && !error)
    error = std::make_error_code(std::errc::not_a_directory);
  if (!error) return {};
  return failure(
      Error(ErrorCode::io, fmt::format("compiled code cannot be kept in \"{}\": {}; every start "
                                       "compiles anew",
                                       path, error.message()))
          .with_remedy("name a folder that this user may write with --cache-dir, or say --no-cache"));
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
  constexpr size_t kStartBytes = 64;
  const std::string start(bytes.begin(),
                          bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), kStartBytes)));
  Progress progress(options.compile ? "compiling " + path : "validating " + path);
  auto component = runtime::Component::load(std::move(bytes), options);
  if (component) return component;
  Error error = component.error().with_context(fmt::format("cannot load \"{}\"", path));
  if (error.code() == ErrorCode::malformed && !has_remedy(error))
    error = std::move(error).with_remedy(remedy_for(start));
  return failure(std::move(error));
}

}  // namespace wattle::cli
