#include "providers/secrets_file/secret_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "providers/secrets_provider.h"

namespace wattle::providers {
namespace {

constexpr size_t kNameBytesMax = 200;
constexpr std::string_view kTemporary = ".wattle-";

// A name is a file's: it leads nowhere else, and hides from nobody.
Result<void> check_name(std::string_view name) {
  const bool fine = !name.empty() && name.size() <= kNameBytesMax && !name.starts_with('.') &&
                    name.find_first_of(std::string_view("/@\0", 3)) == std::string_view::npos;
  if (fine) return {};
  return failure(ErrorCode::invalid_argument, "\"{}\" cannot name a secret", name);
}

tl::unexpected<Error> file_failure(int number, std::string_view doing, const std::string& path) {
  const ErrorCode code = number == ENOENT ? ErrorCode::not_found : ErrorCode::io;
  return failure(code, "cannot {} {}: {}", doing, path, std::strerror(number));
}

struct Closing {
  int descriptor;
  ~Closing() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

}  // namespace

Result<capability::Secret> SecretFolder::read(std::string_view name, std::string_view version) const {
  if (!check_name(name) || (!version.empty() && !check_name(version)))
    return failure(ErrorCode::not_found, "there is no secret \"{}\"", name);
  const std::string latest = path_ + "/" + std::string(name);
  const std::string older = latest + "@" + std::string(version);
  constexpr int kHow = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  Closing file{version.empty() ? -1 : ::open(older.c_str(), kHow)};
  const bool is_older = file.descriptor >= 0;
  if (!is_older) file.descriptor = ::open(latest.c_str(), kHow);
  const std::string& path = is_older ? older : latest;
  if (file.descriptor < 0) return file_failure(errno, "open", path);
  struct stat status{};
  if (::fstat(file.descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return failure(ErrorCode::io, "{} is no file", path);
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return failure(
        Error(ErrorCode::permission_denied, fmt::format("{} is not its owner's alone, and is not read", path))
            .with_remedy("chmod 600 " + path));
  if (static_cast<uint64_t>(status.st_size) > kBytesMax)
    return failure(ErrorCode::io, "{} is larger than {} bytes", path, kBytesMax);
  std::string value(static_cast<size_t>(status.st_size), '\0');
  const ssize_t bytes = ::pread(file.descriptor, value.data(), value.size(), 0);
  if (bytes < 0) return file_failure(errno, "read", path);
  value.resize(static_cast<size_t>(bytes));
  capability::Secret secret{.version = std::string(version), .value = std::move(value)};
  secret.is_bytes = !is_utf8(secret.value);
  if (!secret.is_bytes && secret.value.ends_with('\n')) secret.value.pop_back();
  if (is_older) return secret;
  secret.version = fmt::format("{}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  if (!version.empty() && version != secret.version)
    return failure(ErrorCode::not_found, "there is no version {} of the secret \"{}\"", version, name);
  return secret;
}

Result<void> SecretFolder::write(std::string_view name, std::string_view value) const {
  WATTLE_CHECK(check_name(name));
  if (value.size() > kBytesMax)
    return failure(ErrorCode::invalid_argument, "a secret has at most {} bytes", kBytesMax);
  std::error_code problem;
  if (!std::filesystem::exists(path_, problem)) {
    std::filesystem::create_directories(path_, problem);
    if (problem) return failure(ErrorCode::io, "cannot make {}: {}", path_, problem.message());
    ::chmod(path_.c_str(), 0700);
  }
  const std::string path = path_ + "/" + std::string(name);
  const std::string temporary = fmt::format("{}/{}{}-{}", path_, kTemporary, name, ::getpid());
  {
    const Closing file{
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (file.descriptor < 0) return file_failure(errno, "write", temporary);
    while (!value.empty()) {
      const ssize_t bytes = ::write(file.descriptor, value.data(), value.size());
      if (bytes < 0) return file_failure(errno, "write", temporary);
      value.remove_prefix(static_cast<size_t>(bytes));
    }
    if (::fsync(file.descriptor) != 0) return file_failure(errno, "sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return file_failure(errno, "write", path);
  return {};
}

Result<void> SecretFolder::remove(std::string_view name) const {
  if (!check_name(name)) return failure(ErrorCode::not_found, "there is no secret \"{}\"", name);
  const std::string path = path_ + "/" + std::string(name);
  if (::unlink(path.c_str()) != 0) return file_failure(errno, "delete", path);
  return {};
}

Result<std::vector<std::string>> SecretFolder::names() const {
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(path_, problem)) {
    std::string name = entry.path().filename();
    if (check_name(name)) names.push_back(std::move(name));
  }
  if (problem) return failure(ErrorCode::io, "cannot read {}: {}", path_, problem.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace wattle::providers
