// wasi:http/types.fields: headers and trailers in a guest's hands.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "http/fields.h"
#include "wasi/io.h"

namespace wattle::wasi {

enum class HeaderError : uint8_t { invalid_syntax, forbidden, immutable };

// The most bytes of one fields resource, with 32 for each field; more ends the guest.
inline constexpr size_t kMaxFieldsBytes = 128 * 1024;

// What a resource holds of its invocation's budget of bytes; given back with it.
class Charge {
 public:
  explicit Charge(runtime::HostResources& account) : account_(&account) {}
  ~Charge() { account_->discharge(bytes_); }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  // False, and nothing changes, when the budget does not allow it.
  bool resize(size_t bytes);
  // From now on another budget's. False, and nothing changes, when that one does not allow it.
  bool move_to(runtime::HostResources& account);

 private:
  runtime::HostResources* account_;
  size_t bytes_ = 0;
};

class HttpFields : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "fields";
  using Changed = Result<tl::expected<void, HeaderError>>;
  using Entry = std::tuple<std::string, Bytes>;

  // New and mutable.
  explicit HttpFields(Host& host);
  // A view of fields that belong to a message: immutable. Their owner keeps them as long as `fields` is held.
  HttpFields(Host& host, std::shared_ptr<http::Fields> fields);

  // Refused: names and values that are no HTTP, and fields that only the host may write.
  static Result<tl::expected<std::unique_ptr<HttpFields>, HeaderError>> from_list(
      Host& host, const std::vector<Entry>& entries);
  std::vector<Bytes> get(std::string_view name) const;
  bool has(std::string_view name) const;
  Changed set(std::string_view name, const std::vector<Bytes>& values);
  Changed erase(std::string_view name);
  Changed append(std::string_view name, std::span<const uint8_t> value);
  std::vector<Entry> entries() const;
  bool move_to(runtime::HostResources& receiver) override { return charge_.move_to(receiver); }
  Result<std::unique_ptr<HttpFields>> clone(Host& host) const;

  // For a message that takes them over.
  std::shared_ptr<http::Fields> take() { return std::move(fields_); }

 private:
  std::optional<HeaderError> check_change(std::string_view name) const;
  Result<void> account();

  std::shared_ptr<http::Fields> fields_;
  Charge charge_;
  bool mutable_;
};

}  // namespace wattle::wasi
