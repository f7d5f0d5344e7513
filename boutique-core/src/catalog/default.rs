//! What a shop sells that was not told what to sell: the nine articles of the Online Boutique
//! demo under their public ids and dollar prices, and a furniture range.

use super::{Catalog, Product};
use crate::ids::ProductId;
use crate::money::{Currency, Money};
use crate::shipping::FreightClass;
use crate::stock::StockSystem;

/// A row of the tables below.
struct Row {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    categories: &'static [&'static str],
    /// USD, EUR and GBP, in cents and pence. List prices, not conversions of one another.
    cents: [i64; 3],
    weight_grams: u32,
}

#[rustfmt::skip]
const PARCELS: [Row; 9] = [
    Row { id: "OLJCESPC7Z", name: "Sunglasses", description: "Aviator sunglasses with a slim metal frame.",
          categories: &["accessories"], cents: [1999, 1899, 1599], weight_grams: 120 },
    Row { id: "66VCHSJNUP", name: "Tank Top", description: "A cropped cotton tank with a scooped neckline.",
          categories: &["clothing", "tops"], cents: [1899, 1799, 1499], weight_grams: 180 },
    Row { id: "1YMWWN1N4O", name: "Watch", description: "A gold-tone stainless steel watch.",
          categories: &["accessories"], cents: [10999, 10499, 8999], weight_grams: 250 },
    Row { id: "L9ECAV7KIM", name: "Loafers", description: "Light loafers for the summer.",
          categories: &["footwear"], cents: [8999, 8499, 7299], weight_grams: 900 },
    Row { id: "2ZYFJ3GM2N", name: "Hairdryer", description: "A travel hairdryer with three heat and speed settings.",
          categories: &["hair", "beauty"], cents: [2499, 2399, 1999], weight_grams: 650 },
    Row { id: "0PUK6V6EV0", name: "Candle Holder", description: "A small, intricate candle holder.",
          categories: &["decor", "home"], cents: [1899, 1799, 1499], weight_grams: 400 },
    Row { id: "LS4PSXUNUM", name: "Salt & Pepper Shakers", description: "A pair of shakers for the table.",
          categories: &["kitchen"], cents: [1849, 1749, 1449], weight_grams: 350 },
    Row { id: "9SIQT8TOJO", name: "Bamboo Glass Jar", description: "A glass jar of 1.7 l with a bamboo lid.",
          categories: &["kitchen"], cents: [549, 519, 449], weight_grams: 700 },
    Row { id: "6E92ZMYYFZ", name: "Mug", description: "A simple mug with a mustard interior.",
          categories: &["kitchen"], cents: [899, 849, 699], weight_grams: 380 },
];

#[rustfmt::skip]
const FREIGHT: [(FreightClass, Row); 7] = [
    (FreightClass::Light, Row { id: "FURN-CHAIR-OAK", name: "Oak Chair", description: "A dining chair of solid oak.",
        categories: &["furniture", "dining"], cents: [12900, 11900, 9900], weight_grams: 6_500 }),
    (FreightClass::Light, Row { id: "FURN-LAMP-ARC", name: "Arc Floor Lamp", description: "A floor lamp that reaches over a sofa.",
        categories: &["furniture", "lighting"], cents: [18900, 17900, 14900], weight_grams: 14_000 }),
    (FreightClass::Standard, Row { id: "FURN-DESK-140", name: "Writing Desk", description: "A desk of 140 cm with two drawers.",
        categories: &["furniture", "office"], cents: [34900, 32900, 27900], weight_grams: 32_000 }),
    (FreightClass::Standard, Row { id: "FURN-SHELF-5", name: "Bookshelf", description: "A bookshelf with five boards.",
        categories: &["furniture", "storage"], cents: [24900, 22900, 19900], weight_grams: 38_000 }),
    (FreightClass::Standard, Row { id: "FURN-TABLE-6", name: "Dining Table", description: "A table for six, of solid ash.",
        categories: &["furniture", "dining"], cents: [64900, 59900, 51900], weight_grams: 46_000 }),
    (FreightClass::Heavy, Row { id: "FURN-SOFA-3", name: "Three-Seat Sofa", description: "A sofa with washable linen covers.",
        categories: &["furniture", "living"], cents: [119900, 109900, 94900], weight_grams: 68_000 }),
    (FreightClass::Heavy, Row { id: "FURN-WARDROBE-2", name: "Two-Door Wardrobe", description: "A wardrobe with a rail and three shelves.",
        categories: &["furniture", "bedroom"], cents: [89900, 82900, 71900], weight_grams: 94_000 }),
];

impl Row {
    fn product(&self, freight_class: Option<FreightClass>) -> Product {
        let currencies = [Currency::USD, Currency::EUR, Currency::GBP];
        let prices = currencies.into_iter().zip(self.cents);
        Product {
            id: ProductId::new(self.id).expect("the ids of the tables are short and printed"),
            name: self.name.into(),
            description: self.description.into(),
            prices: prices
                .map(|(currency, cents)| Money::from_minor(currency, cents))
                .collect::<Result<_, _>>()
                .expect("the prices of the tables are far below the ceiling"),
            categories: self.categories.iter().map(|&it| it.into()).collect(),
            weight_grams: self.weight_grams,
            system: match freight_class {
                None => StockSystem::Inventory,
                Some(_) => StockSystem::Furniture,
            },
            freight_class,
        }
    }
}

impl Catalog {
    /// The range a shop starts with: nine articles that travel as parcels and seven pieces of
    /// furniture, each priced in USD, EUR and GBP.
    pub fn default_range() -> Self {
        let parcels = PARCELS.iter().map(|it| it.product(None));
        let freight = FREIGHT.iter().map(|(class, it)| it.product(Some(*class)));
        Self::new(parcels.chain(freight)).expect("the tables list each product once")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_online_boutique_costs_what_it_is_known_to_cost() {
        let catalog = Catalog::default_range();
        for (id, name, price) in [
            ("OLJCESPC7Z", "Sunglasses", "19.99"),
            ("66VCHSJNUP", "Tank Top", "18.99"),
            ("1YMWWN1N4O", "Watch", "109.99"),
            ("L9ECAV7KIM", "Loafers", "89.99"),
            ("2ZYFJ3GM2N", "Hairdryer", "24.99"),
            ("0PUK6V6EV0", "Candle Holder", "18.99"),
            ("LS4PSXUNUM", "Salt & Pepper Shakers", "18.49"),
            ("9SIQT8TOJO", "Bamboo Glass Jar", "5.49"),
            ("6E92ZMYYFZ", "Mug", "8.99"),
        ] {
            let product = catalog
                .get(&ProductId::new(id).expect("an id"))
                .unwrap_or_else(|| panic!("{id} is missing"));
            assert_eq!(&*product.name, name);
            assert_eq!(product.system, StockSystem::Inventory);
            let usd = product.price_in(Currency::USD).expect("has a price");
            assert_eq!(usd.decimal(), price, "{name}");
        }
    }

    #[test]
    fn the_default_range_is_sold_in_three_currencies_and_has_bulky_goods() {
        let catalog = Catalog::default_range();
        for product in catalog.iter() {
            for currency in [Currency::USD, Currency::EUR, Currency::GBP] {
                assert!(product.price_in(currency).is_some(), "{}", product.id);
            }
        }
        let bulky = |class| {
            catalog
                .iter()
                .any(|it| it.system == StockSystem::Furniture && it.freight_class == Some(class))
        };
        assert!(bulky(FreightClass::Light));
        assert!(bulky(FreightClass::Standard));
        assert!(bulky(FreightClass::Heavy));
    }
}
