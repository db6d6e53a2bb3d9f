// JetStream's configurations and answers in JSON. Internal to src/nats.
#pragma once

#include "nats/jetstream.h"
#include "nats/json.h"

namespace wattle::nats {

std::string to_json(const StreamConfig& config);
StreamConfig read_stream_config(const json::Object& object);
StreamInfo read_stream_info(const json::Object& object);

// The answer of the API or a publish acknowledgement: refused with the error that it holds.
Result<json::Object> read_answer(std::string_view text);

Result<std::string> decode_base64(std::string_view text);
// For URLs, with padding: how the object store writes names and digests.
std::string encode_base64_url(std::string_view bytes);

}  // namespace wattle::nats
