#include "wasi/context.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace wattle::wasi {

Result<void> Context::add_folder(const std::string& host_path, std::string guest_path, FolderAccess access) {
  const int descriptor = ::open(host_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    const int number = errno;
    const ErrorCode code = number == ENOENT                      ? ErrorCode::not_found
                           : number == EACCES || number == EPERM ? ErrorCode::permission_denied
                           : number == ENOTDIR                   ? ErrorCode::invalid_argument
                                                                 : ErrorCode::io;
    return failure(Error(code, fmt::format("cannot give the guest the folder '{}': {}", host_path,
                                           std::generic_category().message(number)))
                       .with_remedy("name an existing folder that you may read"));
  }
  auto owned = std::shared_ptr<const int>(new int(descriptor), [](const int* number) {
    ::close(*number);
    delete number;
  });
  preopens.push_back(Preopen{std::move(guest_path), std::move(owned), access});
  return {};
}

}  // namespace wattle::wasi
