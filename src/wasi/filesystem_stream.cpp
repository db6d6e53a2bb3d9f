#include <dirent.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "wasi/filesystem.h"

namespace wattle::wasi {

namespace {

using Origin = IoError::Origin;

class FileSource final : public InputSource {
 public:
  FileSource(OpenFilePtr file, uint64_t offset, async::OffloadPool& pool)
      : file_(std::move(file)), offset_(offset), pool_(pool) {}
  bool ready() override { return true; }
  void watch(Watch&) override {}

  Result<Streamed<Bytes>> read(size_t limit) override {
    Bytes bytes(limit);
    auto count = async::offload(pool_, [&]() -> SystemResult<size_t> {
      const ssize_t got = pread(file_->number(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
      if (got < 0) return tl::make_unexpected(errno);
      return static_cast<size_t>(got);
    });
    if (!count) return stream_failed_errno(count.error(), "reading a file", Origin::file);
    if (*count == 0) return stream_closed();
    offset_ += *count;
    bytes.resize(*count);
    return Streamed<Bytes>(std::move(bytes));
  }

 private:
  OpenFilePtr file_;
  uint64_t offset_;
  async::OffloadPool& pool_;
};

// All of `bytes`, at `offset` or at the end of the file.
int write_whole(int number, std::span<const uint8_t> bytes, std::optional<uint64_t> offset) {
  while (!bytes.empty()) {
    iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
    const ssize_t count = offset ? pwrite(number, bytes.data(), bytes.size(), static_cast<off_t>(*offset))
                                 : pwritev2(number, &piece, 1, -1, RWF_APPEND);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes = bytes.subspan(static_cast<size_t>(count));
    if (offset) *offset += static_cast<uint64_t>(count);
  }
  return 0;
}

class FileSink final : public OutputSink {
 public:
  FileSink(OpenFilePtr file, std::optional<uint64_t> offset, async::OffloadPool& pool)
      : file_(std::move(file)), offset_(offset), pool_(pool) {}
  bool ready() override { return true; }
  void watch(Watch&) override {}
  Streamed<uint64_t> check_write() override {
    if (error_ != 0) return stream_failed_errno(error_, "writing a file", Origin::file);
    return kMaxChunkBytes;
  }

  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override {
    error_ = async::offload(pool_, [&] { return write_whole(file_->number(), bytes, offset_); });
    if (error_ != 0) return stream_failed_errno(error_, "writing a file", Origin::file);
    if (offset_) *offset_ += bytes.size();
    return Streamed<void>{};
  }
  Streamed<void> flush() override {
    if (error_ != 0) return stream_failed_errno(error_, "writing a file", Origin::file);
    return {};
  }

 private:
  OpenFilePtr file_;
  std::optional<uint64_t> offset_;
  async::OffloadPool& pool_;
  int error_ = 0;
};

FileType entry_type(int folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return file_type_of(DTTOIF(entry.d_type));
  struct stat status{};
  if (fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return FileType::unknown;
  return file_type_of(status.st_mode);
}

}  // namespace

InputSourcePtr file_source(OpenFilePtr file, uint64_t offset, async::OffloadPool& pool) {
  return InputSourcePtr(new FileSource(std::move(file), offset, pool));
}

OutputSinkPtr file_sink(OpenFilePtr file, std::optional<uint64_t> offset, async::OffloadPool& pool) {
  return OutputSinkPtr(new FileSink(std::move(file), offset, pool));
}

// ---- directory-entry-stream

struct DirectoryEntryStream::Directory {
  static constexpr size_t kBatch = 128;

  DIR* stream = nullptr;
  ~Directory() {
    if (stream != nullptr) closedir(stream);
  }

  // Fewer than kBatch entries: the end.
  std::deque<FileResult<DirectoryEntry>> next_batch() {
    std::deque<FileResult<DirectoryEntry>> batch;
    while (batch.size() < kBatch) {
      errno = 0;
      const dirent* entry = readdir(stream);
      if (entry == nullptr) {
        if (errno != 0) batch.push_back(tl::make_unexpected(file_error_of(errno)));
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (!is_utf8(name)) {
        batch.push_back(tl::make_unexpected(FileErrorCode::illegal_byte_sequence));
      } else {
        batch.push_back(DirectoryEntry{entry_type(dirfd(stream), *entry), std::string(name)});
      }
    }
    return batch;
  }
};

DirectoryEntryStream::DirectoryEntryStream(Host& host)
    : charge_(host.resources), directory_(std::make_unique<Directory>()) {}
DirectoryEntryStream::~DirectoryEntryStream() = default;

FileResult<std::unique_ptr<DirectoryEntryStream>> DirectoryEntryStream::create(Host& host,
                                                                               FileHandle handle) {
  std::unique_ptr<DirectoryEntryStream> made(new DirectoryEntryStream(host));
  // The stream's own buffer counts like a second file.
  if (!made->charge_.resize(2 * kOpenFileCharge))
    return tl::make_unexpected(FileErrorCode::insufficient_memory);
  const int own = fcntl(handle.get(), F_DUPFD_CLOEXEC, 0);
  if (own < 0) return tl::make_unexpected(file_error_of(errno));
  made->directory_->stream = fdopendir(own);
  if (made->directory_->stream == nullptr) {
    const int number = errno;
    ::close(own);
    return tl::make_unexpected(file_error_of(number));
  }
  return made;
}

FileResult<std::optional<DirectoryEntry>> DirectoryEntryStream::read_entry(Host& host) {
  if (batch_.empty() && !ended_) {
    batch_ = async::offload(context_of(host).blocking, [&] { return directory_->next_batch(); });
    ended_ = batch_.size() < Directory::kBatch;
  }
  if (batch_.empty()) return std::optional<DirectoryEntry>();
  auto next = std::move(batch_.front());
  batch_.pop_front();
  if (!next) return tl::make_unexpected(next.error());
  return std::optional<DirectoryEntry>(std::move(*next));
}

}  // namespace wattle::wasi
