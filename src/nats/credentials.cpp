#include "nats/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace wattle::nats {
namespace {

constexpr size_t kFileBytesMax = 64 * 1024;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The first line that is not empty after the line "---BEGIN ... `what`---".
std::optional<std::string_view> find_block(std::string_view text, std::string_view what) {
  bool inside = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("---")) {
      inside = line.find("BEGIN") != std::string_view::npos && line.find(what) != std::string_view::npos;
    } else if (inside && !line.empty()) {
      return line;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view text) {
  const auto jwt = find_block(text, "JWT");
  if (!jwt) return failure(ErrorCode::malformed, "there is no \"BEGIN NATS USER JWT\" block");
  if (jwt->find_first_of(" \t\"\\") != std::string_view::npos)
    return failure(ErrorCode::malformed, "what stands in the \"BEGIN NATS USER JWT\" block is no JWT");
  const auto seed = find_block(text, "SEED");
  if (!seed) return failure(ErrorCode::malformed, "there is no \"BEGIN USER NKEY SEED\" block");
  WATTLE_TRY(KeyPair key, KeyPair::from_seed(*seed));
  return Credentials{std::string(*jwt), key};
}

Result<KeyPair> parse_seed_file(std::string_view text) {
  if (const auto seed = find_block(text, "SEED")) return KeyPair::from_seed(*seed);
  return KeyPair::from_seed(trim(text));
}

Result<std::string> read_secret_file(const std::string& path, bool& others_can_read) {
  const auto refuse = [&](int problem) {
    const ErrorCode code = problem == ENOENT   ? ErrorCode::not_found
                           : problem == EACCES ? ErrorCode::permission_denied
                                               : ErrorCode::io;
    return failure(code, "cannot read \"{}\": {}", path, std::strerror(problem));
  };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return refuse(errno);
  struct stat status{};
  ::fstat(descriptor, &status);
  others_can_read = (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
  std::string text(kFileBytesMax + 1, '\0');
  size_t have = 0;
  ssize_t count = 1;
  while (count > 0 && have < text.size()) {
    count = ::read(descriptor, text.data() + have, text.size() - have);
    if (count > 0) have += static_cast<size_t>(count);
  }
  const int problem = errno;
  ::close(descriptor);
  if (count < 0) return refuse(problem);
  if (have > kFileBytesMax)
    return failure(ErrorCode::malformed, "\"{}\" is too large to hold credentials", path);
  text.resize(have);
  return text;
}

}  // namespace wattle::nats
