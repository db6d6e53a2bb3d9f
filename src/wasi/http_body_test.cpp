#include "wasi/http_body.h"

#include "wasi/http_outgoing.h"
#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

using http::ErrorCase;

class HttpTypes : public WasiTest {
 protected:
  static HeaderError refused(const HttpFields::Changed& changed) { return changed.value().error(); }
  static void write(OutputStream& stream, std::string_view text) {
    EXPECT_TRUE(stream.blocking_write_and_flush(bytes_of(text)).value());
  }
};

// ---- fields

TEST_F(HttpTypes, FieldsKeepOrderAndIgnoreCase) {
  on_fiber([&] {
    HttpFields fields(*host);
    EXPECT_TRUE(fields.append("X-A", bytes_of("1")).value());
    EXPECT_TRUE(fields.append("x-b", bytes_of("2")).value());
    EXPECT_TRUE(fields.append("x-a", bytes_of("3")).value());
    EXPECT_EQ(fields.get("x-A").size(), 2u);
    EXPECT_EQ(text_of(fields.get("x-A")[1]), "3");
    EXPECT_TRUE(fields.has("X-B"));
    EXPECT_EQ(fields.entries().size(), 3u);
    EXPECT_TRUE(fields.set("x-a", {Bytes{'4'}}).value());
    EXPECT_EQ(fields.get("x-a").size(), 1u);
    EXPECT_TRUE(fields.erase("x-a").value());
    EXPECT_FALSE(fields.has("x-a"));
  });
}

TEST_F(HttpTypes, FieldsRefuseWhatIsNoHttp) {
  on_fiber([&] {
    HttpFields fields(*host);
    EXPECT_EQ(refused(fields.append("a b", bytes_of("1"))), HeaderError::invalid_syntax);
    EXPECT_EQ(refused(fields.append("", bytes_of("1"))), HeaderError::invalid_syntax);
    EXPECT_EQ(refused(fields.append("a", bytes_of("1\r\nb: 2"))), HeaderError::invalid_syntax);
    EXPECT_EQ(refused(fields.set("a", {Bytes{'x'}, Bytes{0}})), HeaderError::invalid_syntax);
    EXPECT_EQ(refused(fields.append("Transfer-Encoding", bytes_of("chunked"))), HeaderError::forbidden);
    EXPECT_EQ(refused(fields.append("host", bytes_of("other"))), HeaderError::forbidden);
    EXPECT_EQ(HttpFields::from_list(*host, {{"connection", Bytes{'x'}}}).value().error(),
              HeaderError::forbidden);
    EXPECT_TRUE(fields.entries().empty());
  });
}

TEST_F(HttpTypes, FieldsOfAMessageAreImmutableAndTheirCloneIsNot) {
  on_fiber([&] {
    auto owned = std::make_shared<http::Fields>();
    EXPECT_TRUE(owned->append("a", "1"));
    HttpFields view(*host, owned);
    EXPECT_EQ(refused(view.append("b", bytes_of("2"))), HeaderError::immutable);
    EXPECT_EQ(refused(view.set("b", {})), HeaderError::immutable);
    EXPECT_EQ(refused(view.erase("a")), HeaderError::immutable);
    auto clone = std::move(*view.clone(*host));
    EXPECT_TRUE(clone->append("b", bytes_of("2")).value());
    EXPECT_FALSE(view.has("b"));
  });
}

TEST_F(HttpTypes, FieldsAreBoundedAndGiveBack) {
  on_fiber([&] {
    {
      HttpFields fields(*host);
      const Bytes value(4096, 'x');
      size_t appended = 0;
      for (;; ++appended) {
        auto changed = fields.append("x", value);
        if (changed) continue;
        EXPECT_EQ(changed.error().code(), ErrorCode::memory_exceeded);
        break;
      }
      EXPECT_LT(appended, 32u);
      EXPECT_GT(host->resources.bytes(), 100'000u);
    }
    EXPECT_EQ(host->resources.bytes(), 0u);
  });
}

// ---- bodies

TEST_F(HttpTypes, ASmallBodyIsCollected) {
  on_fiber([&] {
    BodyWriterPtr writer(new BodyWriter(std::nullopt));
    auto body = std::move(*OutgoingBody::create(*host, writer, ErrorCase::http_response_body_size));
    auto stream = std::move(*body->write());
    EXPECT_FALSE(body->write());
    write(*stream, "hello");
    stream.reset();
    EXPECT_TRUE(body->finish(std::nullopt));
    EXPECT_TRUE(writer->finished());
    EXPECT_EQ(writer->collected(), "hello");
  });
}

TEST_F(HttpTypes, ABodyStreamsWithBackpressure) {
  on_fiber([&] {
    BodyWriterPtr writer(new BodyWriter(std::nullopt));
    OutputStream stream(writer);
    write(stream, "start ");
    auto ends = http::make_body(16);
    writer->stream_into(std::move(ends.writer));
    EXPECT_EQ(good(stream.check_write()), 10u);
    EXPECT_TRUE(stream.write(bytes_of("0123456789")).value());
    EXPECT_EQ(good(stream.check_write()), 0u);
    EXPECT_FALSE(stream.subscribe()->ready());
    std::array<uint8_t, 16> bytes;
    EXPECT_EQ(ends.reader->pipe.try_read(bytes), 16u);
    EXPECT_TRUE(stream.subscribe()->ready());
    ends.reader.reset();
    EXPECT_FALSE(stream.check_write().value());
  });
}

TEST_F(HttpTypes, CollectingIsBounded) {
  on_fiber([&] {
    OutputStream stream(OutputSinkPtr(new BodyWriter(std::nullopt)));
    size_t written = 0;
    while (uint64_t room = good(stream.check_write())) {
      EXPECT_TRUE(stream.write(Bytes(room)).value());
      written += room;
    }
    EXPECT_EQ(written, BodyWriter::kCollectBytes);
  });
}

TEST_F(HttpTypes, ABodyIsAsLongAsPromised) {
  on_fiber([&] {
    BodyWriterPtr longer(new BodyWriter(3));
    OutputStream stream(longer);
    EXPECT_FALSE(stream.blocking_write_and_flush(bytes_of("four")).value());
    BodyWriterPtr shorter(new BodyWriter(3));
    auto body = std::move(*OutgoingBody::create(*host, shorter, ErrorCase::http_response_body_size));
    auto finished = body->finish(std::nullopt);
    ASSERT_FALSE(finished);
    EXPECT_EQ(case_of(finished.error()), ErrorCase::http_response_body_size);
  });
}

TEST_F(HttpTypes, ADroppedBodyIsAnErrorForItsReader) {
  on_fiber([&] {
    BodyWriterPtr writer(new BodyWriter(std::nullopt));
    auto body = std::move(*OutgoingBody::create(*host, writer, ErrorCase::http_response_body_size));
    auto ends = http::make_body();
    writer->stream_into(std::move(ends.writer));
    body.reset();
    EXPECT_TRUE(ends.reader->pipe.at_end());
    EXPECT_TRUE(ends.reader->pipe.error());
  });
}

TEST_F(HttpTypes, TrailersComeAfterTheBody) {
  on_fiber([&] {
    auto ends = http::make_body();
    IncomingBody body(std::move(ends.reader));
    auto stream = std::move(*body.stream());
    EXPECT_FALSE(body.stream());
    EXPECT_EQ(ends.writer->pipe.try_write(bytes_of("unread")), 6u);
    stream.reset();
    auto future = body.finish();
    EXPECT_FALSE(future->get(*host));
    EXPECT_FALSE(future->subscribe()->ready());
    ends.writer->trailers.emplace();
    EXPECT_TRUE(ends.writer->trailers->append("x-sum", "1"));
    ends.writer->pipe.close();
    auto got = future->get(*host);
    ASSERT_TRUE(got && *got && **got && ***got);
    EXPECT_EQ(text_of((***got).value()->get("x-sum")[0]), "1");
    got = future->get(*host);
    EXPECT_TRUE(got && !*got);
  });
}

TEST_F(HttpTypes, ABrokenBodyTellsItsCase) {
  on_fiber([&] {
    auto ends = http::make_body();
    IncomingBody body(std::move(ends.reader));
    auto stream = std::move(*body.stream());
    ends.writer->pipe.abort(http::http_error(ErrorCase::connection_read_timeout, "slow"));
    auto read = stream->blocking_read(10).value();
    ASSERT_FALSE(read);
    auto& error = *std::get<0>(read.error());
    EXPECT_EQ(case_of(error_code_of(error.error())), ErrorCase::connection_read_timeout);
    auto got = body.finish()->get(*host);
    ASSERT_TRUE(got && *got);
    EXPECT_EQ(case_of((**got).error()), ErrorCase::connection_read_timeout);
  });
}

TEST_F(HttpTypes, BodiesOfAnInvocationAreBounded) {
  on_fiber([&] {
    std::vector<std::unique_ptr<OutgoingBody>> bodies;
    for (;;) {
      auto body =
          OutgoingBody::create(*host, BodyWriterPtr(new BodyWriter(std::nullopt)), ErrorCase::internal_error);
      if (!body) {
        EXPECT_EQ(body.error().code(), ErrorCode::memory_exceeded);
        break;
      }
      bodies.push_back(std::move(*body));
      ASSERT_LT(bodies.size(), 10'000u);
    }
  });
}

// ---- requests

TEST_F(HttpTypes, ARequestTakesOnlyWhatIsHttp) {
  on_fiber([&] {
    OutgoingRequest request(*host, std::make_unique<HttpFields>(*host));
    EXPECT_FALSE(request.set_method(HttpMethod(std::in_place_index<9>, "GET /x HTTP/1.1\r\n")));
    EXPECT_FALSE(request.set_path_with_query("/a b"));
    EXPECT_FALSE(request.set_path_with_query("/a\r\nx: y"));
    EXPECT_FALSE(request.set_authority("user@host"));
    EXPECT_FALSE(request.set_authority("host\r\n"));
    EXPECT_FALSE(request.set_scheme(HttpScheme(std::in_place_index<2>, "not a scheme")));
    EXPECT_TRUE(request.set_method(HttpMethod(std::in_place_index<9>, "PURGE")));
    EXPECT_TRUE(request.set_path_with_query("?q"));
    EXPECT_TRUE(request.set_authority("[::1]:80"));
    EXPECT_TRUE(request.set_scheme(HttpScheme(std::in_place_index<0>)));
    auto head = request.head();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->method, "PURGE");
    EXPECT_EQ(head->path_with_query, "/?q");
    EXPECT_EQ(head->scheme, "http");
  });
}

TEST_F(HttpTypes, ARequestWithoutPermissionIsDenied) {
  on_fiber([&] {
    OutgoingRequest request(*host, std::make_unique<HttpFields>(*host));
    EXPECT_TRUE(request.set_authority("example.com"));
    auto sent = handle_outgoing(*host, request, nullptr);
    ASSERT_FALSE(sent);
    EXPECT_EQ(case_of(sent.error()), ErrorCase::http_request_denied);
  });
}

TEST(HttpValues, MethodsAndSchemesAndErrorsKeepTheirPlaces) {
  EXPECT_EQ(method_of("PATCH").index(), 8u);
  EXPECT_EQ(method_of("get").index(), 9u);
  EXPECT_EQ(method_text(method_of("DELETE")), "DELETE");
  EXPECT_EQ(scheme_of("HTTPS").index(), 1u);
  EXPECT_EQ(scheme_of("ftp").index(), 2u);
  for (size_t index = 0; index < std::variant_size_v<HttpErrorCode>; ++index)
    EXPECT_EQ(error_code_of(static_cast<ErrorCase>(index)).index(), index);
  EXPECT_EQ(case_of(error_code_of(Error(ErrorCode::io, "?"))), ErrorCase::internal_error);
}

using OutgoingAlongALink = WasiTest;

TEST_F(OutgoingAlongALink, GoesWhereTheLinkSays) {
  on_fiber([&] {
    context->http_link = [](Host&) -> Result<Context::SendHttp> {
      return [](const http::Request& sent, std::shared_ptr<http::Body>, const http::RequestOptions&) {
        http::ClientResponse response;
        response.head.status = sent.authority == "shop" ? 204 : 500;
        return Result<http::ClientResponse>(std::move(response));
      };
    };
    OutgoingRequest request(*host, std::make_unique<HttpFields>(*host));
    ASSERT_TRUE(request.set_authority("shop"));
    auto sent = handle_outgoing(*host, request, nullptr);
    ASSERT_TRUE(sent);
    ASSERT_TRUE((*sent)->subscribe()->block());
    auto got = (*sent)->get();
    ASSERT_TRUE(got && *got && **got);
    EXPECT_EQ((***got)->status(), 204);
  });
}

TEST_F(OutgoingAlongALink, FailsWithTheLinksError) {
  on_fiber([&] {
    context->http_link = [](Host&) -> Result<Context::SendHttp> {
      return failure(ErrorCode::not_found, "no link for wasi:http");
    };
    OutgoingRequest request(*host, std::make_unique<HttpFields>(*host));
    ASSERT_TRUE(request.set_authority("shop"));
    auto sent = handle_outgoing(*host, request, nullptr);
    ASSERT_FALSE(sent);
    EXPECT_EQ(case_of(sent.error()), http::ErrorCase::internal_error);
  });
}

}  // namespace
}  // namespace wattle::wasi
