// The values of wasi:filesystem/types, and how errno maps to its error-code.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <variant>

#include "runtime/abi.h"
#include "wasi/clocks.h"

namespace wattle::wasi {

enum class FileErrorCode : uint8_t {
  access,
  would_block,
  already,
  bad_descriptor,
  busy,
  deadlock,
  quota,
  exist,
  file_too_large,
  illegal_byte_sequence,
  in_progress,
  interrupted,
  invalid,
  io,
  is_directory,
  loop,
  too_many_links,
  message_size,
  name_too_long,
  no_device,
  no_entry,
  no_lock,
  insufficient_memory,
  insufficient_space,
  not_directory,
  not_empty,
  not_recoverable,
  unsupported,
  no_tty,
  no_such_device,
  overflow,
  not_permitted,
  pipe,
  read_only,
  invalid_seek,
  text_file_busy,
  cross_device,
};
FileErrorCode file_error_of(int error_number);

template <class T>
using FileResult = tl::expected<T, FileErrorCode>;
// Results of system calls: the error is errno.
template <class T>
using SystemResult = tl::expected<T, int>;

enum class FileType : uint8_t {
  unknown,
  block_device,
  character_device,
  directory,
  fifo,
  symbolic_link,
  regular_file,
  socket,
};
FileType file_type_of(mode_t mode);

enum class Advice : uint8_t { normal, sequential, random, will_need, dont_need, no_reuse };

// descriptor-flags, by label.
using DescriptorFlags = Flags<6>;
enum DescriptorFlag : uint32_t {
  kRead,
  kWrite,
  kFileIntegritySync,
  kDataIntegritySync,
  kRequestedWriteSync,
  kMutateDirectory,
};
// open-flags, by label.
using OpenFlags = Flags<4>;
enum OpenFlag : uint32_t { kCreate, kDirectory, kExclusive, kTruncate };
// path-flags
using PathFlags = Flags<1>;
enum PathFlag : uint32_t { kSymlinkFollow };

// no-change, now, timestamp
using NewTimestamp = std::variant<std::monostate, std::monostate, Datetime>;
SystemResult<timespec> timespec_of(const NewTimestamp& timestamp);

struct DescriptorStat {
  static constexpr size_t kFieldCount = 6;
  FileType type = FileType::unknown;
  uint64_t link_count = 0;
  uint64_t size = 0;
  std::optional<Datetime> accessed;
  std::optional<Datetime> modified;
  std::optional<Datetime> status_changed;
};
DescriptorStat stat_of(const struct stat& status);

struct DirectoryEntry {
  static constexpr size_t kFieldCount = 2;
  FileType type = FileType::unknown;
  std::string name;
};

struct MetadataHash {
  static constexpr size_t kFieldCount = 2;
  uint64_t lower = 0;
  uint64_t upper = 0;
};
// Differs when the file was modified or replaced; says nothing about the numbers that go into it.
MetadataHash metadata_hash_of(const struct stat& status);

}  // namespace wattle::wasi

namespace wattle {
template <>
inline constexpr uint32_t kCaseCount<wasi::FileErrorCode> = 37;
template <>
inline constexpr uint32_t kCaseCount<wasi::FileType> = 8;
template <>
inline constexpr uint32_t kCaseCount<wasi::Advice> = 6;
}  // namespace wattle
