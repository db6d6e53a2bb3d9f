// HTTP/1.1 heads as text (RFC 9112 sections 2 to 4).
#pragma once

#include <string>

#include "http/message.h"

namespace wattle::http {

void append_number(std::string& out, uint64_t number);
// "HTTP/1.1 200 OK" and its CRLF.
void append_status_line(std::string& out, uint16_t status);
void append_field(std::string& out, std::string_view name, std::string_view value);
// All fields but those of the connection, Content-Length and (for requests) Host. True if Date is among them.
bool append_fields(std::string& out, const Fields& fields);
// The last chunk, the trailers that may be sent, and the end of the message.
void append_last_chunk(std::string& out, const std::optional<Fields>& trailers);
// A chunk around `bytes`, which are not empty.
void append_chunk(std::string& out, std::span<const uint8_t> bytes);

}  // namespace wattle::http
