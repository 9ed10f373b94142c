create table users (
  user_id text not null,
  username text,
  email text not null,
  password text,
  first_name text not null,
  last_name text not null,
  phone text,
  address text,
  user_type text not null check (user_type in ('guest', 'regular', 'organizer', 'admin')),
  user_shard text,
  admin_shard text,
  organizer_requested integer not null check (organizer_requested in (0, 1)),
  login_generation integer not null check (login_generation >= 1),
  api_keys_available integer not null,
  created_date_time text not null,
  version integer not null check (version >= 1),
  primary key (user_id)
) strict;

create index users_with_login on users (user_shard, created_date_time, user_id) where user_shard is not null;

create index admins on users (admin_shard, created_date_time, user_id) where admin_shard is not null;

create table uniques (
  name text not null,
  target_id text not null,
  primary key (name)
) strict;

create table sessions (
  session_id text not null,
  user_id text not null references users (user_id),
  secret_hash text not null,
  login_generation integer not null,
  created_date_time text not null,
  expires_at text not null,
  version integer not null check (version >= 1),
  primary key (session_id)
) strict, without rowid;

create index sessions_by_user on sessions (user_id, created_date_time, session_id);

create table api_keys (
  api_key_id text not null,
  user_id text not null references users (user_id),
  name text not null,
  secret_hash text not null,
  scopes text not null,
  created_date_time text not null,
  expires_at text,
  primary key (api_key_id)
) strict, without rowid;

create index api_keys_by_user on api_keys (user_id, created_date_time, api_key_id);

create table venues (
  venue_id text not null,
  owner_user_id text not null references users (user_id),
  venue_name text not null,
  address text,
  city text,
  city_key text,
  state text,
  zip_code text,
  country text,
  capacity integer check (capacity >= 0),
  amenities text not null,
  timezone text not null,
  latitude_e7 integer check (latitude_e7 between -900000000 and 900000000),
  longitude_e7 integer check (longitude_e7 between -1800000000 and 1800000000),
  venue_shard text not null,
  created_date_time text not null,
  last_updated_date_time text not null,
  version integer not null check (version >= 1),
  primary key (venue_id)
) strict, without rowid;

create index venues_by_name on venues (venue_shard, venue_name, venue_id);

create index venues_by_city on venues (city_key, venue_name, venue_id) where city_key is not null;

create table events (
  event_id text not null,
  event_name text not null,
  description text not null,
  start_date_time text not null,
  end_date_time text not null,
  venue_id text references venues (venue_id),
  organizer_user_id text not null references users (user_id),
  categories text not null,
  tags text not null,
  image_url text,
  capacity integer check (capacity >= 0),
  capacity_available integer not null,
  devices_available integer not null,
  ticket_types text not null,
  sales_start_date text,
  sales_end_date text,
  status text not null check (status in ('draft', 'published', 'postponed', 'cancelled')),
  external_links text not null,
  timezone text not null,
  currency text not null check (length(currency) = 3),
  tickets_per_customer_max integer check (tickets_per_customer_max >= 1),
  public_shard text,
  created_date_time text not null,
  last_updated_date_time text not null,
  version integer not null check (version >= 1),
  primary key (event_id)
) strict, without rowid;

create index events_public on events (public_shard, start_date_time, event_id) where public_shard is not null;

create index events_by_organizer on events (organizer_user_id, start_date_time, event_id);

create index events_by_venue on events (venue_id, start_date_time, event_id) where venue_id is not null;

create table devices (
  device_id text not null,
  event_id text not null references events (event_id),
  name text not null,
  secret_hash text not null,
  created_date_time text not null,
  expires_at text,
  primary key (device_id)
) strict, without rowid;

create index devices_by_event on devices (event_id, created_date_time, device_id);

create table event_categories (
  category_id text not null,
  category_name text not null,
  category_shard text not null,
  use_count integer not null,
  created_date_time text not null,
  version integer not null check (version >= 1),
  primary key (category_id)
) strict, without rowid;

create index categories_by_name on event_categories (category_shard, category_name, category_id);

create table event_category_mapping (
  event_id text not null references events (event_id),
  category_id text not null references event_categories (category_id),
  live_category text,
  start_date_time text not null,
  version integer not null check (version >= 1),
  event_category_mapping_id text generated always as (event_id || '.' || category_id) virtual,
  primary key (event_id, category_id)
) strict, without rowid;

create index mapping_by_category on event_category_mapping (category_id, event_id);

create index mapping_live on event_category_mapping (live_category, start_date_time, event_id, category_id) where live_category is not null;

create table listings (
  event_id text not null references events (event_id),
  event_name text not null,
  words text not null,
  facets text not null,
  start_date_time text not null,
  end_date_time text not null,
  version integer not null check (version >= 1),
  primary key (event_id)
) strict, without rowid;

create table tickets (
  ticket_id text not null,
  event_id text not null references events (event_id),
  ticket_type text not null,
  description text not null,
  price integer not null check (price >= 0),
  quantity integer not null check (quantity >= 0),
  quantity_available integer not null,
  sale_start_date_time text,
  sale_end_date_time text,
  per_order_max integer check (per_order_max >= 1),
  paused integer not null check (paused in (0, 1)),
  created_date_time text not null,
  version integer not null check (version >= 1),
  primary key (ticket_id)
) strict, without rowid;

create index tickets_by_event on tickets (event_id, created_date_time, ticket_id);

create table orders (
  order_id text not null,
  event_id text not null references events (event_id),
  user_id text not null references users (user_id),
  account_user_id text,
  order_date_time text not null,
  total_amount integer not null check (total_amount >= 0),
  currency text not null check (length(currency) = 3),
  payment_status text not null check (payment_status in ('pending', 'completed', 'expired', 'cancelled', 'partially_refunded', 'refunded')),
  expires_at text not null,
  extensions integer not null,
  amount_paid integer not null check (amount_paid >= 0),
  amount_refunded integer not null check (amount_refunded between 0 and amount_paid),
  customer_email text not null,
  customer_first_name text not null,
  customer_last_name text not null,
  payments text not null,
  refunds text not null,
  hold_shard text,
  version integer not null check (version >= 1),
  primary key (order_id)
) strict, without rowid;

create index orders_by_account on orders (account_user_id, order_id) where account_user_id is not null;

create index orders_by_event on orders (event_id, order_id);

create index orders_on_hold on orders (hold_shard, expires_at, order_id) where hold_shard is not null;

create table order_details (
  order_id text not null references orders (order_id),
  ticket_id text not null references tickets (ticket_id),
  quantity integer not null check (quantity >= 1),
  unit_amount integer not null check (unit_amount >= 0),
  subtotal_amount integer not null check (subtotal_amount = quantity * unit_amount),
  position integer not null,
  order_detail_id text generated always as (order_id || '.' || ticket_id) virtual,
  primary key (order_id, ticket_id)
) strict, without rowid;

create index order_details_by_ticket on order_details (ticket_id, order_id);

create table payments (
  payment_id text not null,
  order_id text not null references orders (order_id),
  payment_date_time text not null,
  payment_amount integer not null check (payment_amount >= 0),
  currency text not null check (length(currency) = 3),
  payment_method text not null check (payment_method in ('card', 'bank_transfer', 'cash', 'test')),
  transaction_id text,
  payment_status text not null check (payment_status in ('pending', 'completed', 'declined', 'cancelled')),
  completed_date_time text,
  version integer not null check (version >= 1),
  primary key (payment_id)
) strict, without rowid;

create index payments_by_order on payments (order_id, payment_date_time, payment_id);

create table refunds (
  refund_id text not null,
  order_id text not null references orders (order_id),
  payment_id text not null references payments (payment_id),
  refund_date_time text not null,
  refund_amount integer not null check (refund_amount > 0),
  currency text not null check (length(currency) = 3),
  reason text not null,
  admissions text not null,
  refund_status text not null check (refund_status in ('due', 'completed')),
  version integer not null check (version >= 1),
  primary key (refund_id)
) strict, without rowid;

create index refunds_by_order on refunds (order_id, refund_date_time, refund_id);

create table allowances (
  event_id text not null references events (event_id),
  customer text not null,
  balance integer not null,
  primary key (event_id, customer)
) strict;

create table admissions (
  admission_id text not null,
  event_id text not null references events (event_id),
  order_id text not null references orders (order_id),
  ticket_id text not null references tickets (ticket_id),
  user_id text not null references users (user_id),
  attendee_email text not null,
  attendee_first_name text not null,
  attendee_last_name text not null,
  status text not null check (status in ('valid', 'used', 'void')),
  holds_place integer not null check (holds_place in (0, 1)),
  generation integer not null check (generation between 1 and 65535),
  entered_at text,
  entered_gate text,
  human_code text not null,
  created_date_time text not null,
  version integer not null check (version >= 1),
  primary key (admission_id)
) strict, without rowid;

create index admissions_by_ticket on admissions (ticket_id, admission_id);

create index admissions_by_order on admissions (order_id, admission_id);

create index admissions_by_event on admissions (event_id, admission_id);

create index admissions_by_user on admissions (user_id, event_id, admission_id);

create index admissions_by_human_code on admissions (human_code, admission_id);

create table check_ins (
  event_id text not null references events (event_id),
  scan_id text not null,
  fingerprint text not null,
  admission_id text references admissions (admission_id),
  direction text not null check (direction in ('entry', 'exit')),
  result text not null,
  answer text not null,
  gate text,
  scanned_by text not null,
  scanned_at text not null,
  created_date_time text not null,
  primary key (event_id, scan_id)
) strict;

create index check_ins_by_event on check_ins (event_id, created_date_time, scan_id);

create index check_ins_by_admission on check_ins (admission_id, created_date_time, event_id, scan_id) where admission_id is not null;

create table idempotency (
  idempotency_key text not null,
  fingerprint text not null,
  status integer not null,
  answer text not null,
  expires_at text not null,
  primary key (idempotency_key)
) strict;

create table facts (
  fact_id text not null,
  kind text not null,
  organizer_user_id text not null references users (user_id),
  event_id text references events (event_id),
  subject_id text not null,
  content text not null,
  created_date_time text not null,
  primary key (fact_id)
) strict, without rowid;

create index facts_by_organizer on facts (organizer_user_id, fact_id);

create index facts_by_event on facts (event_id, fact_id) where event_id is not null;

create table leases (
  name text not null,
  holder text not null,
  expires_at text not null,
  primary key (name)
) strict;

create table event_positions (
  position integer primary key,
  event_id text not null unique,
  starts_at integer not null,
  ends_at integer not null
) strict;

create table search_words (word text not null primary key) strict, without rowid;

create virtual table event_search using fts5(
  tokens, content = '', contentless_delete = 1, detail = none, prefix = '2 3 4',
  tokenize = "ascii tokenchars '_='"
);

create trigger listings_searched_insert after insert on listings begin 
  -- Between its neighbours by start and id, if there is room.
  insert into event_positions (position, event_id, starts_at, ends_at)
  select wanted, new.event_id, (unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), (unixepoch(new.end_date_time) * 1000000 + cast(substr(new.end_date_time, 21, 6) as integer)) from (
    select before, after, case
      when before is null and after is null then ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + 268435456 / 2
      when after is null then before + max(1, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28) - before >> 16)
      when before is null then after - max(1, after - ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) >> 16)
      else (before + after) / 2
    end as wanted
    from (
      select before, (
        select min(position) from event_positions
        where position > coalesce(before, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) - 1) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28)
      ) as after
      from (
        select (
          select position from event_positions
          where position >= ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28) and (starts_at, event_id) < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), new.event_id)
          order by position desc limit 1
        ) as before
      )
    )
  )
  where wanted > coalesce(before, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) - 1) and wanted < coalesce(after, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28));

  -- If there was none, all of its minute are placed anew, evenly: they step aside below zero first.
  delete from event_search where rowid in (
    select position from event_positions where position >= iif(exists (select 1 from event_positions where event_id = new.event_id), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28)) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28));
  update event_positions set position = -position where position >= iif(exists (select 1 from event_positions where event_id = new.event_id), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28)) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28);
  insert or ignore into event_positions (position, event_id, starts_at, ends_at)
  values (-((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), new.event_id, (unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), (unixepoch(new.end_date_time) * 1000000 + cast(substr(new.end_date_time, 21, 6) as integer)));

  insert into event_search (rowid, tokens)
  select
    placed.position,
    listings.words || ' ' || listings.event_name || ' =' || replace(listings.event_name, ' ', ' =')
      || ' ____lasting_' || case when placed.ends_at - placed.starts_at <= 14400000000 then 0 when placed.ends_at - placed.starts_at <= 86400000000 then 1 when placed.ends_at - placed.starts_at <= 864000000000 then 2 else 3 end
      || ' ____month_' || substr(listings.start_date_time, 1, 4) || substr(listings.start_date_time, 6, 2)
      || coalesce((select group_concat(' ____' || value, '') from json_each(listings.facets)), '')
  from (
    select event_id, starts_at, ends_at, position from event_positions where event_id = new.event_id and position >= 0
    union all 
  select event_id, starts_at, ends_at, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + row_number() over (order by starts_at, event_id) * (
    268435456 / (select count(*) + 1 from event_positions where position < 0)) as position
  from event_positions where position < 0

  ) placed join listings using (event_id);
  update event_positions set position = placed.position
  from (
  select event_id, starts_at, ends_at, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + row_number() over (order by starts_at, event_id) * (
    268435456 / (select count(*) + 1 from event_positions where position < 0)) as position
  from event_positions where position < 0
) placed
  where event_positions.position < 0 and event_positions.event_id = placed.event_id;

  insert or ignore into search_words (word)
  select value from json_each('[' || replace(json_quote(new.event_name || ' ' || new.words), ' ', '","') || ']')
  where length(value) >= 4;
 end;

create trigger listings_searched_delete after delete on listings begin 
  delete from event_search where rowid = (select position from event_positions where event_id = old.event_id);
  delete from event_positions where event_id = old.event_id;
 end;

create trigger listings_searched_update after update on listings
when (old.event_id, old.event_name, old.words, old.facets, old.start_date_time, old.end_date_time)
  is not (new.event_id, new.event_name, new.words, new.facets, new.start_date_time, new.end_date_time)
begin 
  delete from event_search where rowid = (select position from event_positions where event_id = old.event_id);
  delete from event_positions where event_id = old.event_id;
 
  -- Between its neighbours by start and id, if there is room.
  insert into event_positions (position, event_id, starts_at, ends_at)
  select wanted, new.event_id, (unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), (unixepoch(new.end_date_time) * 1000000 + cast(substr(new.end_date_time, 21, 6) as integer)) from (
    select before, after, case
      when before is null and after is null then ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + 268435456 / 2
      when after is null then before + max(1, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28) - before >> 16)
      when before is null then after - max(1, after - ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) >> 16)
      else (before + after) / 2
    end as wanted
    from (
      select before, (
        select min(position) from event_positions
        where position > coalesce(before, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) - 1) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28)
      ) as after
      from (
        select (
          select position from event_positions
          where position >= ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28) and (starts_at, event_id) < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), new.event_id)
          order by position desc limit 1
        ) as before
      )
    )
  )
  where wanted > coalesce(before, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) - 1) and wanted < coalesce(after, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28));

  -- If there was none, all of its minute are placed anew, evenly: they step aside below zero first.
  delete from event_search where rowid in (
    select position from event_positions where position >= iif(exists (select 1 from event_positions where event_id = new.event_id), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28)) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28));
  update event_positions set position = -position where position >= iif(exists (select 1 from event_positions where event_id = new.event_id), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28)) and position < ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28);
  insert or ignore into event_positions (position, event_id, starts_at, ends_at)
  values (-((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 + 1 << 28), new.event_id, (unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)), (unixepoch(new.end_date_time) * 1000000 + cast(substr(new.end_date_time, 21, 6) as integer)));

  insert into event_search (rowid, tokens)
  select
    placed.position,
    listings.words || ' ' || listings.event_name || ' =' || replace(listings.event_name, ' ', ' =')
      || ' ____lasting_' || case when placed.ends_at - placed.starts_at <= 14400000000 then 0 when placed.ends_at - placed.starts_at <= 86400000000 then 1 when placed.ends_at - placed.starts_at <= 864000000000 then 2 else 3 end
      || ' ____month_' || substr(listings.start_date_time, 1, 4) || substr(listings.start_date_time, 6, 2)
      || coalesce((select group_concat(' ____' || value, '') from json_each(listings.facets)), '')
  from (
    select event_id, starts_at, ends_at, position from event_positions where event_id = new.event_id and position >= 0
    union all 
  select event_id, starts_at, ends_at, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + row_number() over (order by starts_at, event_id) * (
    268435456 / (select count(*) + 1 from event_positions where position < 0)) as position
  from event_positions where position < 0

  ) placed join listings using (event_id);
  update event_positions set position = placed.position
  from (
  select event_id, starts_at, ends_at, ((unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer)) / 60000000 << 28) + row_number() over (order by starts_at, event_id) * (
    268435456 / (select count(*) + 1 from event_positions where position < 0)) as position
  from event_positions where position < 0
) placed
  where event_positions.position < 0 and event_positions.event_id = placed.event_id;

  insert or ignore into search_words (word)
  select value from json_each('[' || replace(json_quote(new.event_name || ' ' || new.words), ' ', '","') || ']')
  where length(value) >= 4;
 end;
