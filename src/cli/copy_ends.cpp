#include "cli/copy_ends.h"

#include <algorithm>
#include <array>
#include <limits>

#include "bindings/remote_blobstore.h"
#include "bindings/remote_key_value.h"
#include "lattice/names.h"

namespace wattle::cli {
namespace {

using namespace std::chrono_literals;
using capability::Caller;
using capability::ObjectId;

constexpr Duration kCallTime = 20s;
constexpr Duration kTransferTime = 10min;
constexpr uint64_t kNamesPerPage = 500;
constexpr size_t kCompareBytes = size_t{64} << 10;

// One backend, through one link.
template <class Remote>
struct End {
  End(wrpc::Client& client, const std::string& lattice, const lattice::Link& link)
      : source_id(link.source_id),
        link_name(link.name),
        target(link.target),
        remote(std::make_shared<const bindings::RemoteTarget>(
            client, link.target,
            [prefix = lattice::call_prefix(lattice, link.target)] { return std::vector{prefix}; })) {}
  Caller caller() const { return {source_id, link_name}; }
  std::string place(const std::string& container) const {
    return fmt::format("\"{}\" of \"{}\" (link \"{}\")", container, target, link_name);
  }

  const std::string source_id, link_name, target;
  Remote remote;
};

// ---- Key-value

using KeyValueEnd = End<bindings::RemoteKeyValue>;

template <class T>
Result<T> checked(capability::KeyValueResult<T> done, const std::string& place) {
  using Kind = capability::KeyValueError::Kind;
  if (done) {
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::move(*done);
  }
  switch (done.error().kind) {
    case Kind::no_such_store:
      return failure(ErrorCode::not_found, "there is no bucket {}", place);
    case Kind::access_denied:
      return failure(ErrorCode::permission_denied, "access to the bucket {} is denied", place);
    case Kind::other:
      break;
  }
  return failure(ErrorCode::unavailable, "{}: {}", place, done.error().message);
}

class Keys final : public Names {
 public:
  Keys(KeyValueEnd& end, std::string bucket) : end_(end), bucket_(std::move(bucket)) {}
  Result<std::vector<std::string>> next() override {
    while (!ended_) {
      const async::DeadlineScope deadline(Clock::now() + kCallTime);
      WATTLE_TRY(auto page,
                 checked(end_.remote.list_keys(end_.caller(), bucket_, cursor_), end_.place(bucket_)));
      cursor_ = page.cursor;
      ended_ = !cursor_;
      if (!page.keys.empty()) return std::move(page.keys);
    }
    return std::vector<std::string>();
  }

 private:
  KeyValueEnd& end_;
  const std::string bucket_;
  std::optional<uint64_t> cursor_;
  bool ended_ = false;
};

class KeyValueEnds final : public CopyEnds {
 public:
  KeyValueEnds(wrpc::Client& client, const std::string& lattice, const lattice::Link& from,
               const lattice::Link& to)
      : from_(client, lattice, from), to_(client, lattice, to) {}

  Result<void> make(const std::string&) override { return {}; }
  std::unique_ptr<Names> list(Side side, const std::string& bucket) override {
    return std::make_unique<Keys>(end(side), bucket);
  }
  Result<bool> exists(Side side, const std::string& bucket, const std::string& key) override {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(end(side).remote.exists(end(side).caller(), bucket, key), end(side).place(bucket));
  }
  Result<uint64_t> copy(const std::string& bucket, const std::string& key) override {
    WATTLE_TRY(const auto value, get(from_, bucket, key));
    if (!value) {
      WATTLE_CHECK(remove_at_target(bucket, key));
      return uint64_t{0};
    }
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    WATTLE_CHECK(checked(to_.remote.set(to_.caller(), bucket, key, *value), to_.place(bucket)));
    return uint64_t{value->size()};
  }
  Result<bool> same(const std::string& bucket, const std::string& key) override {
    WATTLE_TRY(const auto there, get(to_, bucket, key));
    WATTLE_TRY(const auto here, get(from_, bucket, key));
    return here == there;
  }
  Result<void> remove_at_target(const std::string& bucket, const std::string& key) override {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(to_.remote.remove(to_.caller(), bucket, key), to_.place(bucket));
  }

 private:
  KeyValueEnd& end(Side side) { return side == Side::from ? from_ : to_; }
  static Result<std::optional<std::string>> get(KeyValueEnd& end, const std::string& bucket,
                                                const std::string& key) {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(end.remote.get(end.caller(), bucket, key), end.place(bucket));
  }

  KeyValueEnd from_, to_;
};

// ---- Blobstore

using BlobEnd = End<bindings::RemoteBlobstore>;

template <class T>
Result<T> checked(capability::BlobResult<T> done, const std::string& place) {
  if (!done) return failure(ErrorCode::unavailable, "{}: {}", place, done.error());
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*done);
}

// Lists by offset what may grow and shrink meanwhile: each page overlaps the one before by a name at least,
// else it is asked for from further ahead.
class ObjectNames final : public Names {
 public:
  ObjectNames(BlobEnd& end, std::string container) : end_(end), container_(std::move(container)) {}
  Result<std::vector<std::string>> next() override {
    while (!ended_) {
      const async::DeadlineScope deadline(Clock::now() + kCallTime);
      WATTLE_TRY(auto page,
                 checked(end_.remote.list_objects(end_.caller(), container_, offset_, kNamesPerPage),
                         end_.place(container_)));
      const bool overlaps = offset_ == 0 || (!page.empty() && page.front() <= last_);
      if (!overlaps) {
        offset_ -= std::min(offset_, kNamesPerPage);
        continue;
      }
      ended_ = page.size() < kNamesPerPage;
      offset_ += page.size() - std::min<size_t>(page.size(), 1);
      std::erase_if(page, [&](const std::string& name) { return seen_any_ && name <= last_; });
      if (page.empty()) continue;
      seen_any_ = true;
      last_ = page.back();
      return page;
    }
    return std::vector<std::string>();
  }

 private:
  BlobEnd& end_;
  const std::string container_;
  uint64_t offset_ = 0;
  std::string last_;
  bool seen_any_ = false;
  bool ended_ = false;
};

class BlobstoreEnds final : public CopyEnds {
 public:
  BlobstoreEnds(wrpc::Client& client, const std::string& lattice, const lattice::Link& from,
                const lattice::Link& to)
      : from_(client, lattice, from), to_(client, lattice, to) {}

  Result<void> make(const std::string& container) override {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(to_.remote.create_container(to_.caller(), container), to_.place(container));
  }
  std::unique_ptr<Names> list(Side side, const std::string& container) override {
    return std::make_unique<ObjectNames>(end(side), container);
  }
  Result<bool> exists(Side side, const std::string& container, const std::string& name) override {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(end(side).remote.has_object(end(side).caller(), {container, name}),
                   end(side).place(container));
  }
  Result<uint64_t> copy(const std::string& container, const std::string& name) override {
    WATTLE_TRY(const bool is_there, exists(Side::from, container, name));
    if (!is_there) {
      WATTLE_CHECK(remove_at_target(container, name));
      return uint64_t{0};
    }
    const async::DeadlineScope deadline(Clock::now() + kTransferTime);
    const ObjectId id{container, name};
    const auto pipe = std::make_shared<async::Pipe>();
    WATTLE_CHECK(read(from_, id, pipe));
    const auto written = checked(to_.remote.write_object(to_.caller(), id, *pipe), to_.place(container));
    pipe->stop_reading();
    WATTLE_CHECK(written);
    WATTLE_TRY(const auto info, checked(to_.remote.object_info(to_.caller(), id), to_.place(container)));
    return info.size_bytes;
  }
  Result<bool> same(const std::string& container, const std::string& name) override {
    WATTLE_TRY(const bool here, exists(Side::from, container, name));
    WATTLE_TRY(const bool there, exists(Side::to, container, name));
    if (here != there) return false;
    if (!here) return true;
    const async::DeadlineScope deadline(Clock::now() + kTransferTime);
    const ObjectId id{container, name};
    const auto left = std::make_shared<async::Pipe>(), right = std::make_shared<async::Pipe>();
    WATTLE_CHECK(read(from_, id, left));
    WATTLE_CHECK(read(to_, id, right));
    const auto equal = same_bytes(*left, *right);
    left->stop_reading();
    right->stop_reading();
    return equal;
  }
  Result<void> remove_at_target(const std::string& container, const std::string& name) override {
    const async::DeadlineScope deadline(Clock::now() + kCallTime);
    return checked(to_.remote.delete_object(to_.caller(), {container, name}), to_.place(container));
  }

 private:
  BlobEnd& end(Side side) { return side == Side::from ? from_ : to_; }
  static Result<void> read(BlobEnd& end, const ObjectId& id, const std::shared_ptr<async::Pipe>& pipe) {
    return checked(end.remote.read_object(end.caller(), id, 0, std::numeric_limits<uint64_t>::max(), pipe),
                   end.place(id.container));
  }
  // A buffer full, but at the end.
  static Result<size_t> fill(async::Pipe& pipe, std::span<uint8_t> into) {
    size_t filled = 0;
    while (filled < into.size()) {
      WATTLE_TRY(const size_t more, pipe.read_some(into.subspan(filled)));
      if (more == 0) break;
      filled += more;
    }
    return filled;
  }
  static Result<bool> same_bytes(async::Pipe& left, async::Pipe& right) {
    std::vector<uint8_t> here(kCompareBytes), there(kCompareBytes);
    for (;;) {
      WATTLE_TRY(const size_t here_bytes, fill(left, here));
      WATTLE_TRY(const size_t there_bytes, fill(right, there));
      if (here_bytes != there_bytes ||
          !std::equal(here.begin(), here.begin() + static_cast<std::ptrdiff_t>(here_bytes), there.begin()))
        return false;
      if (here_bytes < here.size()) return true;
    }
  }

  BlobEnd from_, to_;
};

}  // namespace

std::unique_ptr<CopyEnds> key_value_ends(wrpc::Client& client, const std::string& lattice,
                                         const lattice::Link& from, const lattice::Link& to) {
  return std::make_unique<KeyValueEnds>(client, lattice, from, to);
}

std::unique_ptr<CopyEnds> blobstore_ends(wrpc::Client& client, const std::string& lattice,
                                         const lattice::Link& from, const lattice::Link& to) {
  return std::make_unique<BlobstoreEnds>(client, lattice, from, to);
}

}  // namespace wattle::cli
