#include "providers/blobstore_s3/store.h"

#include <algorithm>
#include <ctime>

#include "providers/blobstore_s3/xml.h"
#include "providers/parallel.h"

namespace wattle::providers::s3 {
namespace {

using namespace std::chrono_literals;
using capability::ContainerMetadata;
using capability::ObjectId;
using capability::ObjectMetadata;

constexpr size_t kParallel = 16;
constexpr size_t kPageMax = 1000;
constexpr size_t kPartsMax = 10'000;
constexpr Duration kAbortTimeout = 5s;

uint64_t seconds_of(std::string_view text, const char* format) {
  std::tm parts{};
  const std::string whole(text);
  if (::strptime(whole.c_str(), format, &parts) == nullptr) return 0;
  const std::time_t seconds = ::timegm(&parts);
  return seconds < 0 ? 0 : static_cast<uint64_t>(seconds);
}

// Fills `part` up to a part's size; false: the pipe has ended.
Result<bool> fill_part(async::Pipe& from, std::string& part) {
  std::vector<uint8_t> some(64 * 1024);
  while (part.size() < Store::kPartBytes) {
    WATTLE_TRY(const size_t bytes,
               from.read_some({some.data(), std::min(some.size(), Store::kPartBytes - part.size())}));
    if (bytes == 0) return false;
    part.append(reinterpret_cast<const char*>(some.data()), bytes);
  }
  return true;
}

// At most `bytes_max`, whatever more the service sends.
Result<void> send_body(http::Body& body, uint64_t bytes_max, async::Pipe& into) {
  std::vector<uint8_t> piece(64 * 1024);
  while (bytes_max > 0) {
    WATTLE_TRY(const size_t bytes,
               body.pipe.read_some({piece.data(), std::min<uint64_t>(piece.size(), bytes_max)}));
    if (bytes == 0) return {};
    WATTLE_CHECK(into.write_all({piece.data(), bytes}));
    bytes_max -= bytes;
  }
  return {};
}

}  // namespace

uint64_t seconds_of_http_date(std::string_view text) {
  return seconds_of(text, "%a, %d %b %Y %H:%M:%S GMT");
}

uint64_t seconds_of_iso_date(std::string_view text) {
  return seconds_of(text, "%Y-%m-%dT%H:%M:%S");
}

Result<void> Store::create_container(const std::string& name) {
  std::string payload;
  const std::string& region = client_.settings().bucket_region;
  if (region != "us-east-1")
    payload = fmt::format(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
        xml_text(region));
  auto made = client_.send(
      {.method = "PUT", .bucket = name, .key = {}, .query = {}, .headers = {}, .payload = payload});
  if (made) return {};
  // Whose it is decides: another's of the same name cannot be used.
  if (made.error().code() == ErrorCode::already_exists) {
    auto exists = container_exists(name);
    if (exists && *exists) return {};
  }
  return failure(made.error());
}

Result<bool> Store::container_exists(const std::string& name) {
  auto head =
      client_.open({.method = "HEAD", .bucket = name, .key = {}, .query = {}, .headers = {}, .payload = {}});
  if (head) return true;
  if (head.error().code() == ErrorCode::not_found) return false;
  return failure(head.error());
}

Result<void> Store::delete_container(const std::string& name) {
  WATTLE_CHECK(clear_container(name));
  WATTLE_CHECK(client_.send(
      {.method = "DELETE", .bucket = name, .key = {}, .query = {}, .headers = {}, .payload = {}}));
  return {};
}

Result<void> Store::clear_container(const std::string& name) {
  for (;;) {
    WATTLE_TRY(const Page page, list(name, "", kPageMax));
    WATTLE_CHECK(delete_objects(name, page.names));
    if (!page.more) return {};
  }
}

// The service tells when a bucket was made only in the list of all; who may not see that list learns no time.
Result<ContainerMetadata> Store::container_info(const std::string& name) {
  WATTLE_TRY(const bool exists, container_exists(name));
  if (!exists) return failure(ErrorCode::not_found, "there is no container \"{}\"", name);
  auto all = client_.send({});
  if (!all) return ContainerMetadata{};
  for (const std::string_view bucket : elements(*all, "Bucket"))
    if (element_text(bucket, "Name") == name)
      return ContainerMetadata{.created_at_seconds =
                                   seconds_of_iso_date(element_text(bucket, "CreationDate").value_or(""))};
  return ContainerMetadata{};
}

Result<BlobStore::Page> Store::list(const std::string& container, const std::string& after, size_t limit) {
  Call call;
  call.bucket = container;
  // The first version of the list: it goes on behind any name, without tokens, and every service has it.
  call.query = {{"max-keys", std::to_string(std::min(limit, kPageMax))}};
  if (!after.empty()) call.query.emplace_back("marker", after);
  WATTLE_TRY(const std::string xml, client_.send(call));
  Page page;
  for (const std::string_view entry : elements(xml, "Contents"))
    if (auto key = element_text(entry, "Key")) page.names.push_back(std::move(*key));
  std::ranges::sort(page.names);  // which not every service does with all of them
  page.more = element_text(xml, "IsTruncated") == "true";
  return page;
}

Result<BlobStore::Transfer> Store::read(const ObjectId& id, uint64_t first, uint64_t last) {
  Call call;
  call.bucket = id.container;
  call.key = id.object;
  const bool whole = first == 0 && last > INT64_MAX;
  if (!whole)
    call.headers["range"] =
        last > INT64_MAX ? fmt::format("bytes={}-", first) : fmt::format("bytes={}-{}", first, last);
  WATTLE_TRY(Answer answer, client_.open(call));
  if (answer.status == 416) return Transfer([](async::Pipe&) { return Result<void>(); });
  if (!whole && answer.status != 206)
    return failure(ErrorCode::unsupported, "the service does not know ranges");
  const uint64_t bytes_max = last - first == UINT64_MAX ? UINT64_MAX : last - first + 1;
  return Transfer([self = shared_from_this(), body = std::move(answer.body), bytes_max](async::Pipe& into) {
    return send_body(*body, bytes_max, into);
  });
}

Result<void> Store::write(const ObjectId& id, async::Pipe& from) {
  std::string part;
  WATTLE_TRY(const bool more, fill_part(from, part));
  if (more) return write_in_parts(id, std::move(part), from);
  WATTLE_CHECK(client_.send({.method = "PUT",
                             .bucket = id.container,
                             .key = id.object,
                             .query = {},
                             .headers = {},
                             .payload = part}));
  return {};
}

Result<void> Store::write_in_parts(const ObjectId& id, std::string first, async::Pipe& from) {
  WATTLE_TRY(const std::string begun, client_.send({.method = "POST",
                                                    .bucket = id.container,
                                                    .key = id.object,
                                                    .query = {{"uploads", ""}},
                                                    .headers = {},
                                                    .payload = {}}));
  const auto upload = element_text(begun, "UploadId");
  if (!upload) return failure(ErrorCode::malformed, "the service began an upload without an id");
  auto sent = send_parts(id, *upload, std::move(first), from);
  if (sent) return sent;
  // Parts that nobody joins are kept, and paid for, until they are dropped.
  async::Fiber::current().worker().spawn([self = shared_from_this(), id, upload = *upload] {
    async::Fiber::current().set_deadline(Clock::now() + kAbortTimeout);
    (void)self->client_.send({.method = "DELETE",
                              .bucket = id.container,
                              .key = id.object,
                              .query = {{"uploadId", upload}},
                              .headers = {},
                              .payload = {}});
  });
  return sent;
}

Result<void> Store::send_parts(const ObjectId& id, const std::string& upload, std::string part,
                               async::Pipe& from) {
  std::string joined = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  bool more = true;
  for (size_t number = 1; !part.empty(); ++number) {
    if (number > kPartsMax) return failure(ErrorCode::invalid_argument, "the object is larger than S3 takes");
    WATTLE_TRY(const Answer answer,
               client_.open({.method = "PUT",
                             .bucket = id.container,
                             .key = id.object,
                             .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload}},
                             .headers = {},
                             .payload = part}));
    const auto tag = answer.fields.get("etag");
    if (!tag) return failure(ErrorCode::malformed, "the service took a part without a tag for it");
    joined += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number, xml_text(*tag));
    WATTLE_CHECK(http::read_all(*answer.body, 64 * 1024));
    part.clear();
    if (more) {
      WATTLE_TRY(more, fill_part(from, part));
    }
  }
  joined += "</CompleteMultipartUpload>";
  WATTLE_TRY(const std::string ended, client_.send({.method = "POST",
                                                    .bucket = id.container,
                                                    .key = id.object,
                                                    .query = {{"uploadId", upload}},
                                                    .headers = {},
                                                    .payload = joined}));
  // It may fail with a status of success, after it had begun to answer.
  if (elements(ended, "Error").empty()) return {};
  return failure(ErrorCode::unavailable, "the service did not join the parts: {}",
                 element_text(ended, "Message").value_or(""));
}

Result<ObjectMetadata> Store::object_info(const ObjectId& id) {
  WATTLE_TRY(const Answer head, client_.open({.method = "HEAD",
                                              .bucket = id.container,
                                              .key = id.object,
                                              .query = {},
                                              .headers = {},
                                              .payload = {}}));
  return ObjectMetadata{
      .created_at_seconds = seconds_of_http_date(head.fields.get("last-modified").value_or("")),
      .size_bytes = http::content_length_of(head.fields).value_or(0)};
}

Result<void> Store::delete_object(const ObjectId& id) {
  auto deleted = client_.send({.method = "DELETE",
                               .bucket = id.container,
                               .key = id.object,
                               .query = {},
                               .headers = {},
                               .payload = {}});
  if (!deleted && deleted.error().code() != ErrorCode::not_found) return failure(deleted.error());
  return {};
}

Result<void> Store::delete_objects(const std::string& container, const std::vector<std::string>& names) {
  return for_each_in_parallel(names.size(), kParallel,
                              [&](size_t i) { return delete_object({container, names[i]}); });
}

Result<void> Store::copy_object(const ObjectId& from, const ObjectId& to) {
  Call call;
  call.method = "PUT";
  call.bucket = to.container;
  call.key = to.object;
  call.headers["x-amz-copy-source"] = "/" + encode(from.container) + "/" + encode(from.object, true);
  WATTLE_TRY(const std::string answer, client_.send(call));
  if (elements(answer, "Error").empty()) return {};
  return failure(ErrorCode::unavailable, "the service did not copy the object: {}",
                 element_text(answer, "Message").value_or(""));
}

capability::Health Store::health() {
  if (!client_.problem()) return {};
  return {.healthy = false, .message = client_.problem()->full_message()};
}

}  // namespace wattle::providers::s3
