// Where what lasts of a lattice is kept on this machine, where nobody says, and for which process: a part of
// it belongs to one at a time.
//
//   $XDG_STATE_HOME/wattle/LATTICE, else ~/.local/state/wattle/LATTICE     of `wattle up`
//     lone-manager-HOST-PORT-0, -1, ...     of `wattle manager` on that bus
//
// Lattices of one name on two buses are two.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace wattle::cli {

// `option` names another one, in the remedy. Refused (not_found): there is no home.
Result<std::string> default_state_folder(std::string_view lattice, std::string_view option);

// A file that one process holds at a time, and that the system lets go of however its holder ends.
class FileLock {
 public:
  // Makes the file, for its owner alone. Nothing: another process holds it. Refused: io.
  static Result<std::optional<FileLock>> take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

inline constexpr std::string_view kManifestsFile = "manifests.sqlite";

struct ManagerFolder {
  std::string path;
  FileLock lock;
};

// A folder that no other manager uses: of those that are free the one in which manifests were kept last, or a
// new one. `url`: of the bus. Refused: already_exists (too many are in use), as default_state_folder() and
// make_private_folder().
Result<ManagerFolder> take_manager_folder(std::string_view lattice, std::string_view url);

}  // namespace wattle::cli
