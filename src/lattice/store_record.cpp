#include "lattice/store_record.h"

#include "lattice/json_fields.h"

namespace wattle::lattice {
namespace {

constexpr size_t kHeaderBytesMax = 4096;
constexpr std::string_view kKeyPrefix = "k.";

struct Header {
  uint32_t format = kStoreFormat;
  uint32_t readable_by = kStoreFormat;
  std::string id{};
  bool deleted = false;
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

// What every version of the format begins with.
struct FirstFields {
  uint32_t format = 0;
  uint32_t readable_by = 0;
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const FirstFields&) {
  fields.required("format", self.format);
  fields.required("readable_by", self.readable_by);
}

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const Header&) {
  fields.required("format", self.format);
  fields.required("readable_by", self.readable_by);
  fields.optional("id", self.id);
  fields.optional("deleted", self.deleted);
  fields.optional("epoch", self.epoch);
  fields.optional("sequence", self.sequence);
}

Result<Header> decode_header(std::string_view line, std::string_view what) {
  WATTLE_TRY(const boost::json::object object, parse_object(line.substr(0, kHeaderBytesMax), what));
  WATTLE_TRY(const FirstFields first, read_object<FirstFields>(object, what));
  if (first.readable_by > kStoreFormat)
    return failure(
        Error(ErrorCode::unsupported,
              fmt::format("{} has format {}, for readers of format {} and later; this is one of format {}",
                          what, first.format, first.readable_by, kStoreFormat))
            .with_remedy("update wattle on this host"));
  return read_object<Header>(object, what);
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '/';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string encode(const StoreRecord& record) {
  const StoreVersion origin = record.origin.value_or(StoreVersion());
  const Header header{
      .id = record.id, .deleted = record.deleted, .epoch = origin.epoch, .sequence = origin.sequence};
  return write_json(header) + "\n" + record.value;
}

std::string encode(const StoreMeta& meta) {
  return write_json(Header{.epoch = meta.epoch}) + "\n";
}

Result<StoreRecord> decode_record(std::string_view bytes) {
  const size_t end = bytes.substr(0, kHeaderBytesMax).find('\n');
  if (end == std::string_view::npos)
    return failure(ErrorCode::malformed, "a record of the store has no first line");
  WATTLE_TRY(Header header, decode_header(bytes.substr(0, end), "a record of the store"));
  StoreRecord record{.id = std::move(header.id),
                     .deleted = header.deleted,
                     .value = std::string(bytes.substr(end + 1)),
                     .origin = std::nullopt};
  if (header.epoch > 0) record.origin = StoreVersion{header.epoch, header.sequence};
  return record;
}

Result<StoreMeta> decode_meta(std::string_view bytes) {
  WATTLE_TRY(const Header header, decode_header(bytes.substr(0, bytes.substr(0, kHeaderBytesMax).find('\n')),
                                                "the store's bucket"));
  if (header.epoch == 0) return failure(ErrorCode::malformed, "the store's bucket says no epoch");
  return StoreMeta{header.epoch};
}

Result<std::string> bucket_key(std::string_view key) {
  if (key.empty() || key.size() > kStoreKeyBytesMax)
    return failure(ErrorCode::invalid_argument, "a key of the store has 1 to {} bytes, not {}",
                   kStoreKeyBytesMax, key.size());
  std::string encoded(kKeyPrefix);
  for (const char c : key) {
    if (is_plain(c)) {
      encoded += c;
    } else {
      encoded += fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::optional<std::string> store_key(std::string_view bucket_key) {
  if (!bucket_key.starts_with(kKeyPrefix)) return std::nullopt;
  bucket_key.remove_prefix(kKeyPrefix.size());
  std::string key;
  for (size_t i = 0; i < bucket_key.size(); ++i) {
    if (bucket_key[i] != '=') {
      key += bucket_key[i];
      continue;
    }
    if (i + 2 >= bucket_key.size()) return std::nullopt;
    const int high = hex_value(bucket_key[i + 1]);
    const int low = hex_value(bucket_key[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    key += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (key.empty()) return std::nullopt;
  return key;
}

}  // namespace wattle::lattice
