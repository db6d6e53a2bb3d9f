#include "wasi/http_fields.h"

namespace wattle::wasi {

namespace {

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes as_bytes(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

}  // namespace

bool Charge::resize(size_t bytes) {
  if (bytes > bytes_ && !account_->charge(bytes - bytes_)) return false;
  if (bytes < bytes_) account_->discharge(bytes_ - bytes);
  bytes_ = bytes;
  return true;
}

bool Charge::move_to(runtime::HostResources& account) {
  if (!account.charge(bytes_)) return false;
  account_->discharge(bytes_);
  account_ = &account;
  return true;
}

HttpFields::HttpFields(Host& host)
    : fields_(std::make_shared<http::Fields>()), charge_(host.resources), mutable_(true) {}

HttpFields::HttpFields(Host& host, std::shared_ptr<http::Fields> fields)
    : fields_(std::move(fields)), charge_(host.resources), mutable_(false) {}

std::optional<HeaderError> HttpFields::check_change(std::string_view name) const {
  if (!mutable_) return HeaderError::immutable;
  if (!http::is_token(name)) return HeaderError::invalid_syntax;
  if (http::is_forbidden_field(name)) return HeaderError::forbidden;
  return std::nullopt;
}

Result<void> HttpFields::account() {
  const size_t bytes = fields_->bytes() + 32 * fields_->size();
  if (bytes > kMaxFieldsBytes || !charge_.resize(bytes))
    return failure(ErrorCode::memory_exceeded, "the guest's header fields take more than the host allows");
  return {};
}

Result<tl::expected<std::unique_ptr<HttpFields>, HeaderError>> HttpFields::from_list(
    Host& host, const std::vector<Entry>& entries) {
  auto made = std::make_unique<HttpFields>(host);
  for (const auto& [name, value] : entries) {
    WATTLE_TRY(auto appended, made->append(name, value));
    if (!appended) return tl::make_unexpected(appended.error());
  }
  return tl::expected<std::unique_ptr<HttpFields>, HeaderError>(std::move(made));
}

std::vector<Bytes> HttpFields::get(std::string_view name) const {
  std::vector<Bytes> values;
  for (auto field : *fields_)
    if (http::same_name(field.name, name)) values.push_back(as_bytes(field.value));
  return values;
}

bool HttpFields::has(std::string_view name) const {
  return fields_->has(name);
}

HttpFields::Changed HttpFields::set(std::string_view name, const std::vector<Bytes>& values) {
  if (auto error = check_change(name)) return tl::make_unexpected(*error);
  for (const Bytes& value : values)
    if (!http::is_field_value(as_text(value))) return tl::make_unexpected(HeaderError::invalid_syntax);
  fields_->erase(name);
  for (const Bytes& value : values) {
    fields_->append_checked(name, as_text(value));
    WATTLE_CHECK(account());
  }
  WATTLE_CHECK(account());
  return tl::expected<void, HeaderError>{};
}

HttpFields::Changed HttpFields::erase(std::string_view name) {
  if (auto error = check_change(name)) return tl::make_unexpected(*error);
  fields_->erase(name);
  WATTLE_CHECK(account());
  return tl::expected<void, HeaderError>{};
}

HttpFields::Changed HttpFields::append(std::string_view name, std::span<const uint8_t> value) {
  if (auto error = check_change(name)) return tl::make_unexpected(*error);
  if (!http::is_field_value(as_text(value))) return tl::make_unexpected(HeaderError::invalid_syntax);
  fields_->append_checked(name, as_text(value));
  WATTLE_CHECK(account());
  return tl::expected<void, HeaderError>{};
}

std::vector<HttpFields::Entry> HttpFields::entries() const {
  std::vector<Entry> all;
  all.reserve(fields_->size());
  for (auto field : *fields_) all.emplace_back(std::string(field.name), as_bytes(field.value));
  return all;
}

Result<std::unique_ptr<HttpFields>> HttpFields::clone(Host& host) const {
  auto copy = std::make_unique<HttpFields>(host);
  *copy->fields_ = *fields_;
  WATTLE_CHECK(copy->account());
  return copy;
}

}  // namespace wattle::wasi
