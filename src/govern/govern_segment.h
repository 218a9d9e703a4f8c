/* govern_segment: one call of Segment's tracking API (LOG_SEGMENT_ITEM) into records and claims
 * (docs/http-tracking.md).
 *
 *   identify   attributes from traits (and context.traits)
 *   track      an event of its own name, with properties and "context." fields; events of ORDER_EVENT update the
 *   document "order" too
 *   page, screen, group, alias   events of these names
 *   relation   {"type":"relation","userId":"mum","relation":"guardian_of","to":"user_id:kid" or {"user_id":"kid","phone":"138..."},
 *              "since":time,"ended":true or time,"properties":{...}}: a relation of the caller to another customer
 * Every call: userId, anonymousId, context.externalIds, context.device.id and identifying traits are claims;
 * context.traits set attributes. The batch's outer context and the item's own are one, the item's fields winning. */
#ifndef ONEFOLD_GOVERN_GOVERN_SEGMENT_H
#define ONEFOLD_GOVERN_GOVERN_SEGMENT_H

#include "govern/govern_inside.h"

void govern_segment(struct govern *g);

#endif
