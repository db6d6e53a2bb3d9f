#include "wasi/filesystem_types.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

namespace wattle::wasi {

FileErrorCode file_error_of(int error_number) {
  static constexpr std::pair<int, FileErrorCode> kTable[] = {
      {EACCES, FileErrorCode::access},
      {EAGAIN, FileErrorCode::would_block},
      {EALREADY, FileErrorCode::already},
      {EBADF, FileErrorCode::bad_descriptor},
      {EBUSY, FileErrorCode::busy},
      {EDEADLK, FileErrorCode::deadlock},
      {EDQUOT, FileErrorCode::quota},
      {EEXIST, FileErrorCode::exist},
      {EFBIG, FileErrorCode::file_too_large},
      {EILSEQ, FileErrorCode::illegal_byte_sequence},
      {EINPROGRESS, FileErrorCode::in_progress},
      {EINTR, FileErrorCode::interrupted},
      {EINVAL, FileErrorCode::invalid},
      {EIO, FileErrorCode::io},
      {EISDIR, FileErrorCode::is_directory},
      {ELOOP, FileErrorCode::loop},
      {EMLINK, FileErrorCode::too_many_links},
      {EMSGSIZE, FileErrorCode::message_size},
      {ENAMETOOLONG, FileErrorCode::name_too_long},
      {ENODEV, FileErrorCode::no_device},
      {ENOENT, FileErrorCode::no_entry},
      {ENOLCK, FileErrorCode::no_lock},
      {ENOMEM, FileErrorCode::insufficient_memory},
      {EMFILE, FileErrorCode::insufficient_memory},
      {ENFILE, FileErrorCode::insufficient_memory},
      {ENOSPC, FileErrorCode::insufficient_space},
      {ENOTDIR, FileErrorCode::not_directory},
      {ENOTEMPTY, FileErrorCode::not_empty},
      {ENOTRECOVERABLE, FileErrorCode::not_recoverable},
      {ENOTSUP, FileErrorCode::unsupported},
      {ENOSYS, FileErrorCode::unsupported},
      {ENOTTY, FileErrorCode::no_tty},
      {ENXIO, FileErrorCode::no_such_device},
      {EOVERFLOW, FileErrorCode::overflow},
      {EPERM, FileErrorCode::not_permitted},
      {EPIPE, FileErrorCode::pipe},
      {EROFS, FileErrorCode::read_only},
      {ESPIPE, FileErrorCode::invalid_seek},
      {ETXTBSY, FileErrorCode::text_file_busy},
      {EXDEV, FileErrorCode::cross_device},
  };
  for (auto [number, code] : kTable)
    if (number == error_number) return code;
  return FileErrorCode::io;
}

FileType file_type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFBLK:
      return FileType::block_device;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFDIR:
      return FileType::directory;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFLNK:
      return FileType::symbolic_link;
    case S_IFREG:
      return FileType::regular_file;
    case S_IFSOCK:
      return FileType::socket;
    default:
      return FileType::unknown;
  }
}

SystemResult<timespec> timespec_of(const NewTimestamp& timestamp) {
  if (timestamp.index() == 0) return timespec{0, UTIME_OMIT};
  if (timestamp.index() == 1) return timespec{0, UTIME_NOW};
  const Datetime& when = std::get<2>(timestamp);
  if (when.nanoseconds >= 1'000'000'000) return tl::make_unexpected(EINVAL);
  if (when.seconds > static_cast<uint64_t>(std::numeric_limits<time_t>::max()))
    return tl::make_unexpected(EOVERFLOW);
  return timespec{static_cast<time_t>(when.seconds), static_cast<long>(when.nanoseconds)};
}

namespace {

std::optional<Datetime> datetime_of(const timespec& time) {
  if (time.tv_sec < 0) return std::nullopt;  // before 1970 cannot be said
  return Datetime{static_cast<uint64_t>(time.tv_sec), static_cast<uint32_t>(time.tv_nsec)};
}

uint64_t mix(uint64_t state, uint64_t value) {
  state ^= value;
  state *= 0x9fb21c651e98df25;
  state ^= state >> 35;
  state *= 0xd6e8feb86659fd93;
  return state ^ state >> 32;
}

// A key of this process, so that inode and device numbers cannot be computed back.
std::array<uint64_t, 2> make_hash_key() {
  std::array<uint64_t, 2> key{};
  if (getrandom(key.data(), sizeof key, 0) != sizeof key) key[0] = monotonic_now();
  return key;
}

}  // namespace

DescriptorStat stat_of(const struct stat& status) {
  return DescriptorStat{file_type_of(status.st_mode),          static_cast<uint64_t>(status.st_nlink),
                        static_cast<uint64_t>(status.st_size), datetime_of(status.st_atim),
                        datetime_of(status.st_mtim),           datetime_of(status.st_ctim)};
}

MetadataHash metadata_hash_of(const struct stat& status) {
  static const std::array<uint64_t, 2> kKey = make_hash_key();
  MetadataHash hash{kKey[0], kKey[1]};
  for (uint64_t value :
       {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
        static_cast<uint64_t>(status.st_size), static_cast<uint64_t>(status.st_mtim.tv_sec),
        static_cast<uint64_t>(status.st_mtim.tv_nsec), static_cast<uint64_t>(status.st_ctim.tv_sec),
        static_cast<uint64_t>(status.st_ctim.tv_nsec)}) {
    hash.lower = mix(hash.lower, value);
    hash.upper = mix(hash.upper, ~value);
  }
  return hash;
}

}  // namespace wattle::wasi
