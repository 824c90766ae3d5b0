export { MembershipTextError, parseMembershipText } from "../quorum/membership_text.ts";
