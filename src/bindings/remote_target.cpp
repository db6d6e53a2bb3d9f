#include "bindings/remote_target.h"

namespace wattle::bindings {

bool RemoteTarget::may_try_again(std::string_view function, const Error& error) const {
  if (wrpc::certainly_not_begun(error)) return true;
  return error.code() == ErrorCode::unavailable && is_idempotent_ && is_idempotent_(function);
}

lattice::Headers RemoteTarget::headers_of(const capability::Caller& caller) const {
  lattice::Headers headers;
  headers.add("source-id", caller.source_id);
  headers.add("target-id", id_);
  headers.add("link-name", caller.link_name);
  return headers;
}

Error RemoteTarget::failed(const capability::Caller& caller, std::string_view instance,
                           std::string_view function, const Error& error) const {
  return error.with_context(fmt::format("calling {}.{} of \"{}\" through the link \"{}\" of \"{}\" failed",
                                        instance, function, id_, caller.link_name, caller.source_id));
}

}  // namespace wattle::bindings
