#include "bindings/remote_target.h"

#include "wrpc/protocol.h"

namespace wattle::bindings {
namespace {

std::string remedy_for(const Error& error, std::string_view target) {
  if (wrpc::certainly_not_begun(error) && error.code() == ErrorCode::unavailable)
    return fmt::format("wattle get inventory shows where \"{}\" runs; if nowhere, start it: wattle start",
                       target);
  if (error.code() == ErrorCode::deadline_exceeded)
    return "if it needs longer, say so with wattle-timeout in a source config of the link";
  if (error.code() == ErrorCode::unavailable)
    return "it may have been carried out; if repeating it is safe, name the function in wattle-idempotent "
           "in a source config of the link";
  return {};
}

}  // namespace

bool RemoteTarget::runs_nowhere(const Error& error) {
  return error.code() == ErrorCode::unavailable && wrpc::certainly_not_begun(error);
}

bool RemoteTarget::may_try_again(std::string_view function, const Error& error) const {
  if (wrpc::certainly_not_begun(error)) return true;
  return error.code() == ErrorCode::unavailable && is_idempotent_ && is_idempotent_(function);
}

lattice::Headers RemoteTarget::headers_of(const capability::Caller& caller) const {
  lattice::Headers headers;
  headers.add("source-id", caller.source_id);
  headers.add("target-id", id_);
  headers.add("link-name", caller.link_name);
  if (!image_ref_.empty()) headers.add(wrpc::kRevisionHeader, image_ref_);
  return headers;
}

Error RemoteTarget::failed(const capability::Caller& caller, std::string_view instance,
                           std::string_view function, const Error& error) const {
  Error top =
      error.with_context(fmt::format("calling {}.{} of \"{}\" through the link \"{}\" of \"{}\" failed",
                                     instance, function, id_, caller.link_name, caller.source_id));
  for (const Error* each = &error; each != nullptr; each = each->cause())
    if (!each->remedy().empty()) return top;
  return std::move(top).with_remedy(remedy_for(error, id_));
}

}  // namespace wattle::bindings
