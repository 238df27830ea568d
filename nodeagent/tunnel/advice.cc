#include "nodeagent/tunnel/advice.h"

#include <string_view>

namespace espalier::tunnel {

namespace {

struct Advice {
  std::string_view by_us;    // this node refused
  std::string_view by_peer;  // the peer refused, or did not answer
};

// "%" stands for the peer.
Advice lines_for(ike::Reason reason) {
  using ike::Reason;
  switch (reason) {
    case Reason::kTimeout:
      return {"Check that an agent runs on % and that UDP 500 and 4500 pass between both nodes.",
              "Check that an agent runs on % and that UDP 500 and 4500 pass between both nodes."};
    case Reason::kAuthenticationFailed:
      return {"Look at the status on %: it refused this node and says there why.",
              "Look at the status on %: it refused this node and says there why."};
    case Reason::kUntrustedIssuer:
      return {
          "Give % a certificate from a CA that this node trusts, or add the CA that issued it "
          "to this node's trust bundle.",
          "Give this node a certificate from a CA that % trusts."};
    case Reason::kCertificateExpired:
      return {"Renew the certificate of %, or of the CA that issued it.",
              "Renew this node's certificate."};
    case Reason::kCertificateNotYetValid:
      return {"Compare the clocks of both nodes; the certificate of % is for a later time.",
              "Compare the clocks of both nodes; this node's certificate is for a later time."};
    case Reason::kCertificateRevoked:
      return {
          "The certificate of % is revoked, or its revocation list is missing or stale: issue a "
          "new certificate, or renew the list.",
          "This node's certificate is revoked: issue a new one."};
    case Reason::kCertificateUnacceptable:
      return {
          "Issue % a certificate for IPsec: a strong key, key usage digitalSignature, and no "
          "constraint that forbids its name.",
          "Issue this node a certificate for IPsec: a strong key, key usage digitalSignature."};
    case Reason::kIdNotInCertificate:
      return {
          "Issue % a certificate whose alternative names hold its identity, or correct the "
          "identity that it is configured with.",
          "Issue this node a certificate whose alternative names hold its identity."};
    case Reason::kIdUnexpected:
      return {"Make the remote identity here and the local identity on % the same.",
              "Make the local identity here and the remote identity on % the same."};
    case Reason::kBadSignature:
      return {"The key of % does not belong to its certificate: give it a matching pair.",
              "This node's key does not belong to its certificate: give it a matching pair."};
    case Reason::kBadPsk:
      return {"Give both ends the same shared key.", "Give both ends the same shared key."};
    case Reason::kPpkMissing:
      return {
          "Give both ends a PPK of the same id before one of them insists, or set the mode to "
          "Prefer while it is rolled out.",
          "Give both ends a PPK of the same id before one of them insists."};
    case Reason::kPpkMismatch:
      return {"The PPKs of this id differ: give both ends the same one.",
              "The PPKs of this id differ: give both ends the same one."};
    case Reason::kNoProposalChosen:
      return {
          "Give both ends at least one proposal in common; compare ike.proposals and "
          "esp.proposals here with those on %.",
          "Give both ends at least one proposal in common; compare ike.proposals and "
          "esp.proposals here with those on %."};
    case Reason::kSelectorsUnacceptable:
      return {"Make the local subnets here the remote subnets on %, and the other way round.",
              "Make the local subnets here the remote subnets on %, and the other way round."};
    case Reason::kModeMismatch:
      return {"Set the same mode, Tunnel or Transport, at both ends.",
              "Set the same mode, Tunnel or Transport, at both ends."};
    case Reason::kNoConnection:
      return {
          "Nothing here is configured for that peer: add it to a policy or a Tunnel, or ignore "
          "it.",
          "% has no connection for this node: apply the same policy there."};
    case Reason::kKernelRefused:
      return {
          "Look at the kernel's words above and at the conditions of this node: a module or a "
          "permission may be missing.",
          "Look at the status on %: its kernel refused."};
    case Reason::kCryptoFailed:
      return {"Look at the agent's log: the crypto library refused an operation.",
              "Look at the agent's log on %."};
    case Reason::kInvalidMessage:
      return {"The peer's message breaks the protocol: compare versions, and look at its log.",
              "% takes our message for broken: compare versions, and look at its log."};
    case Reason::kTemporaryFailure:
      return {"Nothing: it is tried again.", "Nothing: it is tried again."};
    case Reason::kPeerDeleted:
      return {"% closed the connection: look at its log if that was not meant.",
              "% closed the connection: look at its log if that was not meant."};
    case Reason::kConfigurationRemoved:
    case Reason::kLocalRequest:
    case Reason::kNone:
      break;
  }
  return {"Nothing: it was asked for.", "Nothing: it was asked for."};
}

}  // namespace

telemetry::Side side_of(ike::Side side, ike::Reason reason) {
  switch (reason) {
    case ike::Reason::kTimeout:
    case ike::Reason::kKernelRefused:
    case ike::Reason::kCryptoFailed:
      return telemetry::Side::kNobody;
    default:
      return side == ike::Side::kLocal ? telemetry::Side::kLocal : telemetry::Side::kPeer;
  }
}

std::string advice_for(ike::Reason reason, bool by_us, const std::string& peer) {
  const Advice lines = lines_for(reason);
  std::string text;
  for (const char c : by_us ? lines.by_us : lines.by_peer) {
    if (c == '%') {
      text += peer;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace espalier::tunnel
