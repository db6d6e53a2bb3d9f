// wasi:filesystem: preopened folders and what lies beneath them. Whatever may block runs on the context's
// pool.
#pragma once

#include <deque>
#include <string>

#include "runtime/runtime.h"
#include "wasi/context.h"
#include "wasi/filesystem_path.h"
#include "wasi/http_fields.h"

namespace wattle::wasi {

// An open file or folder, shared by the descriptor and its streams.
struct OpenFile : boost::intrusive_ref_counter<OpenFile, boost::thread_safe_counter> {
  FileHandle handle;
  DescriptorFlags flags;
  FileType type = FileType::unknown;
  bool read_only_folder = false;  // it lies in a folder that was given read-only

  int number() const { return handle.get(); }
  bool is_directory() const { return type == FileType::directory; }
};
using OpenFilePtr = boost::intrusive_ptr<OpenFile>;

// What an open file counts against its invocation's budget of bytes, which so bounds their number.
inline constexpr size_t kOpenFileCharge = 16 * 1024;

class DirectoryEntryStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:filesystem/types";
  static constexpr std::string_view kName = "directory-entry-stream";

  // Takes over `handle`, an open folder.
  static FileResult<std::unique_ptr<DirectoryEntryStream>> create(Host& host, FileHandle handle);
  ~DirectoryEntryStream() override;
  // Without "." and ".."; nothing at the end. illegal-byte-sequence for a name that is not UTF-8, once for
  // each.
  FileResult<std::optional<DirectoryEntry>> read_entry(Host& host);

 private:
  struct Directory;
  explicit DirectoryEntryStream(Host& host);

  Charge charge_;
  std::unique_ptr<Directory> directory_;
  std::deque<FileResult<DirectoryEntry>> batch_;
  bool ended_ = false;
};

class FileDescriptor : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:filesystem/types";
  static constexpr std::string_view kName = "descriptor";

  // insufficient-memory where the invocation has too many open.
  static FileResult<std::unique_ptr<FileDescriptor>> create(Host& host, OpenFilePtr file);
  // A folder that the context gives.
  static FileResult<std::unique_ptr<FileDescriptor>> of_preopen(Host& host, const Preopen& preopen);

  FileResult<std::unique_ptr<InputStream>> read_via_stream(Host& host, uint64_t offset);
  FileResult<std::unique_ptr<OutputStream>> write_via_stream(Host& host, uint64_t offset);
  FileResult<std::unique_ptr<OutputStream>> append_via_stream(Host& host);
  FileResult<void> advise(Host& host, uint64_t offset, uint64_t length, Advice advice);
  FileResult<void> sync_data(Host& host);
  FileResult<void> sync(Host& host);
  FileResult<DescriptorFlags> get_flags() const { return file_->flags; }
  FileResult<FileType> get_type() const { return file_->type; }
  FileResult<void> set_size(Host& host, uint64_t size);
  FileResult<void> set_times(Host& host, NewTimestamp accessed, NewTimestamp modified);
  // At most 1 MiB; and whether the end of the file was reached.
  FileResult<std::tuple<Bytes, bool>> read(Host& host, uint64_t length, uint64_t offset);
  FileResult<uint64_t> write(Host& host, std::span<const uint8_t> bytes, uint64_t offset);
  FileResult<DescriptorStat> stat(Host& host);
  FileResult<MetadataHash> metadata_hash(Host& host);
  bool is_same_object(const FileDescriptor& other) const;

  FileResult<std::unique_ptr<DirectoryEntryStream>> read_directory(Host& host);
  FileResult<void> create_directory_at(Host& host, const std::string& path);
  FileResult<DescriptorStat> stat_at(Host& host, PathFlags follow, const std::string& path);
  FileResult<void> set_times_at(Host& host, PathFlags follow, const std::string& path, NewTimestamp accessed,
                                NewTimestamp modified);
  FileResult<void> link_at(Host& host, PathFlags follow, const std::string& old_path,
                           FileDescriptor& new_folder, const std::string& new_path);
  FileResult<std::unique_ptr<FileDescriptor>> open_at(Host& host, PathFlags follow, const std::string& path,
                                                      OpenFlags open_flags, DescriptorFlags flags);
  FileResult<std::string> readlink_at(Host& host, const std::string& path);
  FileResult<void> remove_directory_at(Host& host, const std::string& path);
  FileResult<void> rename_at(Host& host, const std::string& old_path, FileDescriptor& new_folder,
                             const std::string& new_path);
  FileResult<void> symlink_at(Host& host, const std::string& old_path, const std::string& new_path);
  FileResult<void> unlink_file_at(Host& host, const std::string& path);
  FileResult<MetadataHash> metadata_hash_at(Host& host, PathFlags follow, const std::string& path);

 private:
  FileDescriptor(Host& host, OpenFilePtr file) : charge_(host.resources), file_(std::move(file)) {}
  std::optional<FileErrorCode> check_file(DescriptorFlag needed) const;
  std::optional<FileErrorCode> check_folder(bool changes) const;

  Charge charge_;
  OpenFilePtr file_;
};

// Streams over a file, from an offset on; without one, output goes to the end of the file.
InputSourcePtr file_source(OpenFilePtr file, uint64_t offset, async::OffloadPool& pool);
OutputSinkPtr file_sink(OpenFilePtr file, std::optional<uint64_t> offset, async::OffloadPool& pool);

void add_filesystem(runtime::Linker& linker);

}  // namespace wattle::wasi
