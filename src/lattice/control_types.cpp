#include "lattice/control_types.h"

#include "lattice/control_fields.h"
#include "lattice/link_fields.h"

namespace wattle::lattice {
namespace {

// Lists and maps at the top of a document, read as the field they would be.
template <class T>
Result<T> parse_field(std::string_view json, std::string_view what) {
  WATTLE_TRY(boost::json::value value, parse_document(json, what));
  boost::json::object around;
  around.emplace("request", std::move(value));
  T parsed;
  FieldReader reader(around, "");
  reader.required("request", parsed);
  WATTLE_CHECK(reader.done());
  return parsed;
}

template <class T>
std::string field_to_json(const T& value) {
  FieldWriter writer;
  writer.required("", value);
  return boost::json::serialize(writer.take().at(""));
}

constexpr std::string_view kRequest = "the request";

}  // namespace

Reply Reply::refused(const Error& error) {
  std::string message = error.full_message();
  if (!error.remedy().empty()) message += "; " + error.remedy();
  return {false, std::move(message), {}, std::string(to_string(error.code()))};
}

Result<Reply> parse_reply(std::string_view json) {
  WATTLE_TRY(const boost::json::object object, parse_object(json, "the answer"));
  Reply reply;
  FieldReader fields(object, "");
  fields.required("success", reply.success);
  fields.optional("message", reply.message);
  fields.optional("code", reply.code);
  if (auto read = fields.done(); !read)
    return failure(ErrorCode::malformed, "the answer: {}", read.error().message());
  if (const auto* response = object.if_contains("response"); response != nullptr && !response->is_null())
    reply.response = boost::json::serialize(*response);
  return reply;
}

std::string to_json(const Reply& reply) {
  std::string json = fmt::format("{{\"success\":{},\"message\":{}", reply.success,
                                 boost::json::serialize(boost::json::string(valid_utf8(reply.message))));
  if (!reply.code.empty()) json += ",\"code\":" + boost::json::serialize(boost::json::string(reply.code));
  if (!reply.response.empty()) json += ",\"response\":" + reply.response;
  return json + "}";
}

StringMap describe(const ComponentClaims& claims) {
  std::string tags;
  for (const std::string& tag : claims.tags) tags += (tags.empty() ? "" : ",") + tag;
  const std::string revision = std::to_string(claims.revision);
  return {{"call_alias", claims.call_alias},
          {"iss", claims.issuer},
          {"issuer", claims.issuer},
          {"name", claims.name},
          {"rev", revision},
          {"revision", revision},
          {"sub", claims.subject},
          {"subject", claims.subject},
          {"tags", tags},
          {"version", claims.version}};
}

template <class T>
Result<T> parse_json(std::string_view json) {
  return read_json<T>(json, kRequest);
}

template <class T>
std::string to_json(const T& value) {
  return write_json(value);
}

template <>
Result<StringMap> parse_json<StringMap>(std::string_view json) {
  return parse_field<StringMap>(json, kRequest);
}
template <>
std::string to_json<StringMap>(const StringMap& value) {
  return field_to_json(value);
}
template <>
Result<std::vector<StringMap>> parse_json<std::vector<StringMap>>(std::string_view json) {
  return parse_field<std::vector<StringMap>>(json, kRequest);
}
template <>
std::string to_json<std::vector<StringMap>>(const std::vector<StringMap>& value) {
  return field_to_json(value);
}
template <>
Result<std::vector<Link>> parse_json<std::vector<Link>>(std::string_view json) {
  return parse_field<std::vector<Link>>(json, kRequest);
}
template <>
std::string to_json<std::vector<Link>>(const std::vector<Link>& value) {
  return field_to_json(value);
}
template <>
Result<RegistryCredentials> parse_json<RegistryCredentials>(std::string_view json) {
  return parse_field<RegistryCredentials>(json, kRequest);
}
template <>
std::string to_json<RegistryCredentials>(const RegistryCredentials& value) {
  return field_to_json(value);
}
template <>
Result<WeightTable> parse_json<WeightTable>(std::string_view json) {
  return parse_field<WeightTable>(json, kRequest);
}
template <>
std::string to_json<WeightTable>(const WeightTable& value) {
  return field_to_json(value);
}

template Result<Host> parse_json(std::string_view);
template Result<HostInventory> parse_json(std::string_view);
template Result<StopHost> parse_json(std::string_view);
template Result<Label> parse_json(std::string_view);
template Result<LabelKey> parse_json(std::string_view);
template Result<ComponentAuction> parse_json(std::string_view);
template Result<ComponentAuctionAck> parse_json(std::string_view);
template Result<ScaleComponent> parse_json(std::string_view);
template Result<UpdateComponent> parse_json(std::string_view);
template Result<PutWeights> parse_json(std::string_view);
template Result<ProviderAuction> parse_json(std::string_view);
template Result<ProviderAuctionAck> parse_json(std::string_view);
template Result<StartProvider> parse_json(std::string_view);
template Result<StopProvider> parse_json(std::string_view);
template Result<LinkKey> parse_json(std::string_view);

template std::string to_json(const Host&);
template std::string to_json(const HostInventory&);
template std::string to_json(const StopHost&);
template std::string to_json(const Label&);
template std::string to_json(const LabelKey&);
template std::string to_json(const ComponentAuction&);
template std::string to_json(const ComponentAuctionAck&);
template std::string to_json(const ScaleComponent&);
template std::string to_json(const UpdateComponent&);
template std::string to_json(const PutWeights&);
template std::string to_json(const ProviderAuction&);
template std::string to_json(const ProviderAuctionAck&);
template std::string to_json(const StartProvider&);
template std::string to_json(const StopProvider&);
template std::string to_json(const LinkKey&);

}  // namespace wattle::lattice
