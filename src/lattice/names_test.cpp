#include "lattice/names.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

TEST(Names, AllowsIdsThatAreOneWordOfASubject) {
  EXPECT_TRUE(check_id("shop_api-1", "id"));
  EXPECT_TRUE(check_id("NABCDEF234567", "id"));
  for (const char* bad : {"", "a.b", "a b", "a*", ">", "a\n", "\xc3\xa4", "a:b"})
    EXPECT_EQ(check_id(bad, "the id").error().code(), ErrorCode::invalid_argument) << bad;
  EXPECT_FALSE(check_id(std::string(300, 'a'), "the id"));
  EXPECT_FALSE(check_lattice("a/b"));
  EXPECT_FALSE(check_link_name("a.b"));
  EXPECT_TRUE(check_link_name("orders"));
}

TEST(Names, ControlSubjectsAreThoseOfVersion1) {
  EXPECT_EQ(control_subject("default", "host", "ping"), "wasmbus.ctl.v1.default.host.ping");
  EXPECT_EQ(control_subject("prod", "host", "get", "NA"), "wasmbus.ctl.v1.prod.host.get.NA");
  EXPECT_EQ(event_subject("default", "config_set"), "wasmbus.evt.default.config_set");
  EXPECT_EQ(provider_subject("default", "kv", "default.shutdown"), "wasmbus.rpc.default.kv.default.shutdown");
  EXPECT_EQ(lease_subject("default", "NA"), "wattle.default.lease.NA");
  EXPECT_EQ(spy_subject("default"), "wattle.default.spy");
}

TEST(Names, TakesControlSubjectsApart) {
  const auto ping = parse_control_subject("default", "wasmbus.ctl.v1.default.host.ping");
  ASSERT_TRUE(ping);
  EXPECT_EQ(ping->entity, "host");
  EXPECT_EQ(ping->verb, "ping");
  EXPECT_EQ(ping->argument, "");
  EXPECT_EQ(parse_control_subject("default", "wasmbus.ctl.v1.default.config.put.redis-url")->argument,
            "redis-url");
  for (const char* bad : {"wasmbus.ctl.v1.other.host.ping", "wasmbus.ctl.v1.default",
                          "wasmbus.ctl.v1.default.host", "wasmbus.ctl.v1.default.config.put.a.b",
                          "wasmbus.ctl.v1.default.host.get.", "wasmbus.ctl.v1.defaulted.host.ping", ""})
    EXPECT_FALSE(parse_control_subject("default", bad)) << bad;
}

TEST(Names, CallSubjectsAreThoseOfWrpc) {
  EXPECT_EQ(call_subject(call_prefix("default", "shop-kv"), "wrpc:keyvalue/store@0.2.0-draft", "get"),
            "default.shop-kv.wrpc.0.0.1.wrpc:keyvalue/store@0.2.0-draft.get");
  EXPECT_EQ(call_subject(host_call_prefix("default", "NA", "shop"), "", "run"),
            "wattle.default.NA.shop.wrpc.0.0.1.run");
  EXPECT_EQ(wire_function("[method]bucket.get"), "bucket.get");
  EXPECT_EQ(wire_function("[constructor]bucket"), "bucket");
  EXPECT_EQ(wire_function("get"), "get");
}

TEST(Names, TakesCallSubjectsApart) {
  const auto foreign =
      parse_call_subject("default.shop-kv.wrpc.0.0.1.wasi:http/incoming-handler@0.2.0.handle");
  ASSERT_TRUE(foreign);
  EXPECT_EQ(foreign->lattice, "default");
  EXPECT_EQ(foreign->target, "shop-kv");
  EXPECT_EQ(foreign->host_id, "");
  EXPECT_EQ(foreign->operation, "wasi:http/incoming-handler@0.2.0.handle");
  const auto direct = parse_call_subject("wattle.default.NA.shop.wrpc.0.0.1.run");
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->host_id, "NA");
  EXPECT_EQ(direct->target, "shop");
  for (const char* bad : {"default.wrpc.0.0.1.run", "default.a.b.wrpc.0.0.1.run", "default.a.wrpc.0.0.1.",
                          "a.b.c", ".a.wrpc.0.0.1.f", "other.x.NA.shop.wrpc.0.0.1.run"})
    EXPECT_FALSE(parse_call_subject(bad)) << bad;
}

TEST(Names, SplitsOperationsBehindTheVersion) {
  const auto expect = [](std::string_view operation, std::string_view instance, std::string_view function) {
    const Operation split = split_operation(operation);
    EXPECT_EQ(split.instance, instance) << operation;
    EXPECT_EQ(split.function, function) << operation;
  };
  expect("wrpc:keyvalue/store@0.2.0-draft.get", "wrpc:keyvalue/store@0.2.0-draft", "get");
  expect("wasi:keyvalue/store@0.2.0-draft.bucket.get", "wasi:keyvalue/store@0.2.0-draft", "bucket.get");
  expect("wasi:config/store@0.2.0-rc.1.get-all", "wasi:config/store@0.2.0-rc.1", "get-all");
  expect("test:ping/pingpong.ping", "test:ping/pingpong", "ping");
  expect("bucket.get", "", "bucket.get");
  expect("run", "", "run");
  expect("a:b/c@1", "a:b/c@1", "");
}

}  // namespace
}  // namespace wattle::lattice
