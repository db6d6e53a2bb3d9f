#include "component/describe.h"

#include <gtest/gtest.h>

#include "component/encoder.h"
#include "wit/printer.h"

namespace wattle::component {
namespace {

using wit::Kind;

TEST(Describe, InterfacesGoIntoTheirPackages) {
  InstanceTypeEncoder host;
  host.resource("blob", 0);
  wit::FunctionType read;
  read.parameters = {{"self", wit::borrow_of(0)}, {"at", wit::primitive(Kind::u64)}};
  read.result = wit::result_of(wit::list_of(wit::primitive(Kind::u8)), nullptr);
  host.function("[method]blob.read", read);
  wit::FunctionType count;
  count.result = wit::primitive(Kind::u32);
  Encoder encoder;
  encoder.import_instance("test:storage/blobs@1.2.0", host);
  encoder.import_function("count", count);
  const auto component = decode(encoder.finish());
  ASSERT_TRUE(component) << component.error().full_message();
  EXPECT_EQ(wit::to_wit(describe(**component)), R"(package root:component;

world root {
  import test:storage/blobs@1.2.0;
  import count: func() -> u32;
}

package test:storage@1.2.0 {
  interface blobs {
    resource blob {
      read: func(at: u64) -> result<list<u8>>;
    }
  }
}
)");
}

TEST(Describe, RecordsKeepTheirNames) {
  InstanceTypeEncoder host;
  wit::FunctionType type;
  type.parameters = {{"p", wit::record_of({{"a", wit::primitive(Kind::u8)}})}};
  host.function("f", type);
  Encoder encoder;
  encoder.import_instance("test:demo/host", host);
  const auto component = decode(encoder.finish());
  ASSERT_TRUE(component);
  const auto packages = describe(**component);
  ASSERT_EQ(packages.size(), 2u);
  const auto text = wit::to_wit(packages[1]);
  EXPECT_NE(text.find("record t0 {"), std::string::npos) << text;
  EXPECT_NE(text.find("f: func(p: t0);"), std::string::npos) << text;
}

}  // namespace
}  // namespace wattle::component
