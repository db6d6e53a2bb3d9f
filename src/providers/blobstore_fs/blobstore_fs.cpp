#include "providers/blobstore_fs/blobstore_fs.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "providers/blobstore_fs/file_tree.h"
#include "providers/blobstore_provider.h"

namespace wattle::providers {
namespace {

using capability::ContainerMetadata;
using capability::ObjectId;
using capability::ObjectMetadata;

constexpr size_t kPieceBytes = 256 * 1024;

class FileStore final : public BlobStore {
 public:
  FileStore(async::OffloadPool& blocking, std::shared_ptr<const FileTree> tree, bool sync)
      : blocking_(blocking), tree_(std::move(tree)), sync_(sync) {}

  Result<void> create_container(const std::string& name) override {
    return async::offload(blocking_, [&] { return tree_->make_container(name); });
  }
  Result<bool> container_exists(const std::string& name) override {
    return async::offload(blocking_, [&] { return tree_->has_container(name); });
  }
  Result<void> delete_container(const std::string& name) override {
    return async::offload(blocking_, [&] { return tree_->remove_container(name); });
  }
  Result<void> clear_container(const std::string& name) override {
    return async::offload(blocking_, [&] { return tree_->clear_container(name); });
  }
  Result<ContainerMetadata> container_info(const std::string& name) override {
    WATTLE_TRY(const FileStatus status,
               async::offload(blocking_, [&] { return tree_->container_status(name); }));
    return ContainerMetadata{.created_at_seconds = status.changed_seconds};
  }
  Result<Page> list(const std::string& container, const std::string& after, size_t limit) override {
    return async::offload(blocking_, [&]() -> Result<Page> {
      WATTLE_TRY(auto names, tree_->objects(container));
      const auto begin = after.empty() ? names.begin() : std::ranges::upper_bound(names, after);
      const auto end =
          begin + static_cast<ptrdiff_t>(std::min<size_t>(limit, static_cast<size_t>(names.end() - begin)));
      return Page{.names = {std::make_move_iterator(begin), std::make_move_iterator(end)},
                  .more = end != names.end()};
    });
  }
  Result<Transfer> read(const ObjectId& id, uint64_t first, uint64_t last) override {
    WATTLE_TRY(auto opened,
               async::offload(blocking_, [&] { return tree_->open_object(id.container, id.object); }));
    auto file = std::make_shared<Descriptor>(std::move(opened));
    return Transfer([this_pool = &blocking_, file, first, last](async::Pipe& into) {
      return send(*this_pool, *file, first, last, into);
    });
  }
  Result<void> write(const ObjectId& id, async::Pipe& from) override {
    WATTLE_TRY(auto file,
               async::offload(blocking_, [&] { return tree_->new_object(id.container, id.object); }));
    auto received = receive(*file, from);
    return async::offload(blocking_, [&]() -> Result<void> {
      const auto ended = std::move(file);  // what is not whole goes here, not on the worker
      WATTLE_CHECK(received);
      return ended->commit(sync_);
    });
  }
  Result<ObjectMetadata> object_info(const ObjectId& id) override {
    WATTLE_TRY(const FileStatus status,
               async::offload(blocking_, [&] { return tree_->object_status(id.container, id.object); }));
    return ObjectMetadata{.created_at_seconds = status.changed_seconds, .size_bytes = status.size_bytes};
  }
  Result<void> delete_object(const ObjectId& id) override {
    return async::offload(blocking_, [&] { return tree_->remove_object(id.container, id.object); });
  }
  Result<void> delete_objects(const std::string& container, const std::vector<std::string>& names) override {
    for (const std::string& name : names) WATTLE_CHECK(delete_object({container, name}));
    return {};
  }
  Result<void> copy_object(const ObjectId& from, const ObjectId& to) override {
    return async::offload(blocking_, [&]() -> Result<void> {
      WATTLE_TRY(const Descriptor source, tree_->open_object(from.container, from.object));
      WATTLE_TRY(const auto file, tree_->new_object(to.container, to.object));
      std::string piece(kPieceBytes, '\0');
      for (;;) {
        const ssize_t bytes = ::read(source.get(), piece.data(), piece.size());
        if (bytes < 0 && errno != EINTR)
          return failure(ErrorCode::io, "cannot read \"{}\": {}", from.object, std::strerror(errno));
        if (bytes == 0) return file->commit(sync_);
        if (bytes > 0) WATTLE_CHECK(file->append({piece.data(), static_cast<size_t>(bytes)}));
      }
    });
  }

 private:
  static Result<void> send(async::OffloadPool& pool, const Descriptor& file, uint64_t first, uint64_t last,
                           async::Pipe& into) {
    std::vector<uint8_t> piece(
        std::min<uint64_t>(kPieceBytes, last - first == UINT64_MAX ? kPieceBytes : last - first + 1));
    uint64_t position = first;
    while (position <= last) {
      const uint64_t left = last - position == UINT64_MAX ? kPieceBytes : last - position + 1;
      const size_t wanted = std::min<uint64_t>(piece.size(), left);
      if (position > INT64_MAX) return {};
      const ssize_t bytes = async::offload(
          pool, [&] { return ::pread(file.get(), piece.data(), wanted, static_cast<off_t>(position)); });
      if (bytes < 0) return failure(ErrorCode::io, "reading the object failed: {}", std::strerror(errno));
      if (bytes == 0) return {};
      WATTLE_CHECK(into.write_all({piece.data(), static_cast<size_t>(bytes)}));
      position += static_cast<uint64_t>(bytes);
    }
    return {};
  }

  // Pieces of the pipe are gathered, so that a small one does not cost a visit to another thread each.
  Result<void> receive(NewFile& file, async::Pipe& from) {
    std::string piece;
    std::vector<uint8_t> some(64 * 1024);
    for (;;) {
      WATTLE_TRY(const size_t bytes, from.read_some(some));
      piece.append(reinterpret_cast<const char*>(some.data()), bytes);
      if (piece.size() < kPieceBytes && bytes > 0) continue;
      if (!piece.empty()) WATTLE_CHECK(async::offload(blocking_, [&] { return file.append(piece); }));
      piece.clear();
      if (bytes == 0) return {};
    }
  }

  async::OffloadPool& blocking_;
  std::shared_ptr<const FileTree> tree_;
  bool sync_;
};

class FileProvider final : public BlobstoreProvider {
 public:
  explicit FileProvider(const capability::ProviderContext& context) : BlobstoreProvider(context) {}

 private:
  Result<std::shared_ptr<BlobStore>> make_store(const capability::ProviderLink&,
                                                const Settings& settings) override {
    const auto root = settings.find("root");
    if (!root)
      return failure(Error(ErrorCode::invalid_argument, "the setting \"root\" is missing")
                         .with_remedy("name the folder that holds the containers"));
    WATTLE_TRY(const bool sync, settings.flag("sync", true));
    WATTLE_TRY(auto tree, FileTree::open(*root));
    return std::make_shared<FileStore>(context().blocking, std::move(tree), sync);
  }
};

class FileFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "blobstore-fs"; }
  std::vector<std::string> interfaces() const override { return blobstore_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<FileProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> blobstore_fs_factory() {
  return std::make_unique<FileFactory>();
}

}  // namespace wattle::providers
