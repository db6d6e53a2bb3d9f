#include "cli/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "cli/lattice_connection.h"
#include "nats/url.h"

namespace wattle::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kLoneManagersMax = 16;

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// What the folders of managers on this bus begin with.
Result<std::string> first_words(std::string_view url) {
  WATTLE_TRY(const auto servers, nats::parse_urls(url));
  if (servers.empty()) return failure(ErrorCode::invalid_argument, "no bus is named");
  std::string host = is_this_machine(servers.front().host) ? "localhost" : servers.front().host;
  for (char& c : host)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  return fmt::format("lone-manager-{}-{}", host, servers.front().port);
}

// Earlier than all others where nothing was written yet.
fs::file_time_type last_written(const std::string& folder) {
  auto last = fs::file_time_type::min();
  for (const std::string_view ending : {"", "-wal"}) {
    std::error_code missing;
    const auto written = fs::last_write_time(fmt::format("{}/{}{}", folder, kManifestsFile, ending), missing);
    if (!missing) last = std::max(last, written);
  }
  return last;
}

}  // namespace

Result<std::string> default_state_folder(std::string_view lattice, std::string_view option) {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
    return fmt::format("{}/wattle/{}", state, lattice);
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fmt::format("{}/.local/state/wattle/{}", home, lattice);
  return failure(
      Error(ErrorCode::not_found, "there is no home to keep the lattice's state in")
          .with_remedy(fmt::format("set HOME or XDG_STATE_HOME, or name a folder with {}", option)));
}

Result<std::optional<FileLock>> FileLock::take(const std::string& path) {
  FileLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.descriptor_ < 0)
    return failure(ErrorCode::io, "cannot open \"{}\": {}", path, std::strerror(errno));
  if (flock(lock.descriptor_, LOCK_EX | LOCK_NB) == 0) return std::optional<FileLock>(std::move(lock));
  if (errno == EWOULDBLOCK) return std::optional<FileLock>();
  return failure(ErrorCode::io, "cannot lock \"{}\": {}", path, std::strerror(errno));
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<ManagerFolder> take_manager_folder(std::string_view lattice, std::string_view url) {
  WATTLE_TRY(const std::string state, default_state_folder(lattice, "--data-dir"));
  WATTLE_TRY(const std::string words, first_words(url));
  WATTLE_CHECK(make_private_folder(state));
  std::vector<std::pair<fs::file_time_type, std::string>> folders;
  for (int i = 0; i < kLoneManagersMax; ++i) {
    std::string path = fmt::format("{}/{}-{}", state, words, i);
    const auto written = last_written(path);
    folders.emplace_back(written, std::move(path));
  }
  std::stable_sort(folders.begin(), folders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [written, path] : folders) {
    WATTLE_CHECK(make_private_folder(path));
    WATTLE_TRY(auto lock, FileLock::take(path + "/lock"));
    if (lock) return ManagerFolder{std::move(path), *std::move(lock)};
  }
  return failure(Error(ErrorCode::already_exists,
                       fmt::format("{} managers of the lattice \"{}\" keep manifests on this machine already",
                                   kLoneManagersMax, lattice))
                     .with_remedy("name a folder for this one with --data-dir"));
}

}  // namespace wattle::cli
