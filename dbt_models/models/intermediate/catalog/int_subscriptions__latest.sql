{{ config(materialized='view') }}
{# A subscription is known from the first time that it was recorded, whatever changed later. #}
with

versions as (select * from {{ ref('stg_catalog__subscription_versions') }}),

latest as (
    select * from versions
    where superseded_at is null
)

select * from latest
